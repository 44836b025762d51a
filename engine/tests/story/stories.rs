//! The macro that makes two tests of a story: `sqlite::name` and `postgres::name`.

/// Lists the stories of a module. Those under `both` run on each database, those under `postgres`
/// only there: they are about several writers, which SQLite does not have.
macro_rules! stories {
    (
        $(both { $($both:ident;)* })?
        $(both_multi_thread { $($multi:ident;)* })?
        $(postgres { $($postgres:ident;)* })?
    ) => {
        mod sqlite {
            $($(
                #[tokio::test]
                async fn $both() {
                    super::$both(crate::environment::TestEnv::sqlite().await).await;
                }
            )*)?
            $($(
                #[tokio::test(flavor = "multi_thread")]
                async fn $multi() {
                    super::$multi(crate::environment::TestEnv::sqlite().await).await;
                }
            )*)?
        }

        mod postgres {
            $($(
                #[tokio::test]
                async fn $both() {
                    super::$both(crate::environment::TestEnv::postgres().await).await;
                }
            )*)?
            $($(
                #[tokio::test(flavor = "multi_thread")]
                async fn $multi() {
                    super::$multi(crate::environment::TestEnv::postgres().await).await;
                }
            )*)?
            $($(
                #[tokio::test]
                async fn $postgres() {
                    super::$postgres(crate::environment::TestEnv::postgres().await).await;
                }
            )*)?
        }
    };
}
