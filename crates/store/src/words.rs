//! Closed sets of words that the database keeps as TEXT.

/// Makes an enum whose values are kept as the given words.
macro_rules! words {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$meaning:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$meaning])* $value,)* }

        impl $name {
            /// The word for it in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$value => $word,)* }
            }
        }

        impl rusqlite::types::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                match value.as_str()? {
                    $($word => Ok($name::$value),)*
                    other => Err(rusqlite::types::FromSqlError::Other(
                        format!("unknown {}: {other}", stringify!($name)).into(),
                    )),
                }
            }
        }
    };
}
pub(crate) use words;
