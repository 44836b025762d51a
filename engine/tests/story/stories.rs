//! The macro that makes the tests of a story: `sqlite::name`, `postgres::name`, or both.

/// Lists the stories of a module. Those under `both` run on each database, those under `sqlite` only
/// there: they are about files beside it, or about what it alone stores. Those under `postgres` are
/// about several writers, which SQLite does not have.
macro_rules! stories {
    (
        $(both { $($both:ident;)* })?
        $(both_multi_thread { $($multi:ident;)* })?
        $(sqlite { $($sqlite:ident;)* })?
        $(postgres { $($postgres:ident;)* })?
    ) => {
        mod sqlite {
            $($(
                #[tokio::test]
                async fn $both() {
                    let env = crate::environment::TestEnv::sqlite().await;
                    crate::wait::run(super::$both(env)).await;
                }
            )*)?
            $($(
                #[tokio::test(flavor = "multi_thread")]
                async fn $multi() {
                    let env = crate::environment::TestEnv::sqlite().await;
                    crate::wait::run(super::$multi(env)).await;
                }
            )*)?
            $($(
                #[tokio::test]
                async fn $sqlite() {
                    let env = crate::environment::TestEnv::sqlite().await;
                    crate::wait::run(super::$sqlite(env)).await;
                }
            )*)?
        }

        mod postgres {
            $($(
                #[tokio::test]
                async fn $both() {
                    let env = crate::environment::TestEnv::postgres().await;
                    crate::wait::run(super::$both(env)).await;
                }
            )*)?
            $($(
                #[tokio::test(flavor = "multi_thread")]
                async fn $multi() {
                    let env = crate::environment::TestEnv::postgres().await;
                    crate::wait::run(super::$multi(env)).await;
                }
            )*)?
            $($(
                #[tokio::test]
                async fn $postgres() {
                    let env = crate::environment::TestEnv::postgres().await;
                    crate::wait::run(super::$postgres(env)).await;
                }
            )*)?
        }
    };
}
