//! The macro that declares the arguments of an item.

/// Declares the arguments of a model or pass, or the settings of a strategy or engine.
///
/// The struct gets what registration asks for (reading, with unknown fields refused, and a
/// schema), without `serde` and `schemars` in the author's Cargo.toml. Its doc comment is what
/// users read about the item; those of its fields are what they read about each argument. serde's
/// attributes work as usual.
///
/// # Example
/// ```
/// firebrick_sdk::arguments! {
///     /// Keeps every k-th channel.
///     pub struct Thin {
///         /// Which channels stay; 1 keeps all.
///         #[serde(default)]
///         k: usize,
///     }
/// }
/// let thin: Thin = firebrick_sdk::prelude::parse(&firebrick_sdk::prelude::Json::Null)?;
/// assert_eq!(thin.k, 0);
/// # Ok::<(), String>(())
/// ```
#[macro_export]
macro_rules! arguments {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident { $($fields:tt)* }) => {
        #[derive(Debug, Clone, $crate::serde::Deserialize, $crate::schemars::JsonSchema)]
        #[serde(crate = "firebrick_sdk::serde", deny_unknown_fields)]
        #[schemars(crate = "firebrick_sdk::schemars")]
        $(#[$attribute])*
        $visibility struct $name { $($fields)* }
    };
}
