//! The values of the placeholders of a search.

/// The value of a placeholder.
pub(super) enum Parameter {
    Text(String),
    Number(i64),
}

/// Binds parameters to a query of any row type.
macro_rules! bind_all {
    ($query:expr, $parameters:expr) => {{
        let mut query = $query;
        for parameter in $parameters {
            query = match parameter {
                $crate::store::search::parameter::Parameter::Text(text) => query.bind(text),
                $crate::store::search::parameter::Parameter::Number(number) => query.bind(number),
            };
        }
        query
    }};
}

pub(super) use bind_all;
