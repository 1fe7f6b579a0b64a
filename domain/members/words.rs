//! Closed sets of words.

/// Declares a closed set of words; the order of the words is their wire form, append-only.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$word_doc])* #[doc = concat!("`", $word, "`")] $variant),+ }

        impl $name {
            /// Every word, in wire order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The canonical spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Any case; `-`, `_` and blanks alike.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| $crate::members::same_word(word.as_str(), text))
            }
        }

        impl $crate::json::Member for $name {
            fn read(value: $crate::json::Json<'_>, at: &mut $crate::json::Reader<'_>) -> Option<Self> {
                let read = value.as_str().and_then(Self::parse);
                if read.is_none() {
                    at.fault(concat!("must be one of", $(" ", $word),+));
                }
                read
            }

            fn json(&self) -> serde_json::Value {
                self.as_str().into()
            }

            fn describe() -> $crate::description::ValueDescription {
                let words = Self::ALL.iter().map(|word| word.as_str()).collect();
                let example = Self::ALL.first().map(|word| word.as_str());
                let value_type = $crate::description::ValueType::Word(words);
                let rule = concat!("must be one of", $(" ", $word),+);
                $crate::description::ValueDescription::new(value_type, rule, example)
            }
        }
    };
}
