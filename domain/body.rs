//! How a kind of fact is declared: one list of members makes its struct, JSON form, wire form and content.

/// How a member's mode (`required`, `optional`, `list`, `filled`, `set`) shows in type, reading and writing.
#[macro_export]
#[doc(hidden)]
macro_rules! member {
    (type public required $type:ty) => { $type };
    (type personal required $type:ty) => { Option<$type> };
    (type $part:ident optional $type:ty) => { Option<$type> };
    (type $part:ident list $type:ty) => { Vec<$type> };
    (type $part:ident filled $type:ty) => { Vec<$type> };
    (type $part:ident set $type:ty) => { Vec<$type> };

    (read $at:ident required $name:expr) => { $at.required($name) };
    (read $at:ident optional $name:expr) => { $at.optional($name) };
    (read $at:ident list $name:expr) => { $at.list($name, $crate::facts::LIST_MAX) };
    (read $at:ident filled $name:expr) => { $at.filled($name, $crate::facts::LIST_MAX) };
    (read $at:ident set $name:expr) => {{
        let mut items = $at.list($name, $crate::facts::LIST_MAX);
        items.sort();
        items.dedup();
        items
    }};

    (needed required) => { true };
    (needed filled) => { true };
    (needed $mode:ident) => { false };

    (shape required $type:ty) => {
        $crate::description::MemberShape::Value(<$type as $crate::json::Member>::describe())
    };
    (shape optional $type:ty) => { $crate::member!(shape required $type) };
    (shape set $type:ty) => {{
        let item = <$type as $crate::json::Member>::describe();
        $crate::description::MemberShape::Values { item, is_set: true }
    }};
    (shape $mode:ident $type:ty) => {{
        let item = <$type as $crate::json::Member>::describe();
        $crate::description::MemberShape::Values { item, is_set: false }
    }};

    (build public required $value:ident) => { $value? };
    (build personal required $value:ident) => { Some($value?) };
    (build $part:ident $mode:ident $value:ident) => { $value };

    (blank public required $value:expr) => { false };
    (blank personal required $value:expr) => { $value.is_none() };
    (blank $part:ident optional $value:expr) => { $value.is_none() };
    (blank $part:ident $mode:ident $value:expr) => { $value.is_empty() };

    (json public required $out:ident $name:expr, $value:expr) => {
        $out.insert($name.to_owned(), $crate::json::Member::json($value));
    };
    (json personal required $out:ident $name:expr, $value:expr) => {
        $crate::member!(json public optional $out $name, $value)
    };
    (json $part:ident optional $out:ident $name:expr, $value:expr) => {
        if let Some(value) = $value {
            $out.insert($name.to_owned(), $crate::json::Member::json(value));
        }
    };
    (json $part:ident $mode:ident $out:ident $name:expr, $value:expr) => {
        if !$value.is_empty() {
            $out.insert($name.to_owned(), $value.iter().map($crate::json::Member::json).collect());
        }
    };

    (canonical public required $out:ident $name:expr, $value:expr) => {
        $crate::codec::put_canonical($out, $name, $value)?;
    };
    (canonical personal required $out:ident $name:expr, $value:expr) => {
        $crate::member!(canonical public optional $out $name, $value)
    };
    (canonical $part:ident optional $out:ident $name:expr, $value:expr) => {
        if let Some(value) = $value {
            $crate::codec::put_canonical($out, $name, value)?;
        }
    };
    (canonical $part:ident $mode:ident $out:ident $name:expr, $value:expr) => {
        if !$value.is_empty() {
            $crate::codec::put_canonical($out, $name, $value)?;
        }
    };
}

/// Declares a body: its struct, its JSON form, its wire form and its canonical content, from one list of members.
///
/// `public` members are never erased; a `person` is a personal identity with its keyed digest in the public
/// part; `personal` members can be erased, so even required ones are `Option` in the struct; `nested` are
/// objects within, `rows` lists of objects. `check` is what the members that it names must be to each other, asked whatever
/// else is wrong; its documentation says so to readers of the contract, as that of body and members does.
#[macro_export]
macro_rules! body {
    ($(#[doc = $doc:literal])* $body:ident {
        $(public { $($(#[doc = $pub_doc:literal])* $pub_mode:ident $pub:ident: $pub_type:ty;)* })?
        $(person { $($(#[doc = $who_doc:literal])* $who:ident as $who_digest:ident: $who_type:ty;)* })?
        $(personal { $($(#[doc = $own_doc:literal])* $own_mode:ident $own:ident: $own_type:ty;)* })?
        $(nested { $($(#[doc = $in_doc:literal])* $in:ident: $in_type:ty;)* })?
        $(rows { $($(#[doc = $row_doc:literal])* $row:ident: $row_type:ty;)* })?
        $($(#[doc = $check_doc:literal])* check $check:ident($($checked:ident),+);)?
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $body {
            $($($(#[doc = $pub_doc])* pub $pub: $crate::member!(type public $pub_mode $pub_type),)*)?
            $($($(#[doc = $who_doc])* pub $who: Option<$who_type>,
                /// Keyed digest of the member before; known once it is in the log.
                pub $who_digest: Option<$crate::keys::PersonDigest>,)*)?
            $($($(#[doc = $own_doc])* pub $own: $crate::member!(type personal $own_mode $own_type),)*)?
            $($($(#[doc = $in_doc])* pub $in: Option<$in_type>,)*)?
            $($($(#[doc = $row_doc])* pub $row: Vec<$row_type>,)*)?
        }

        impl $crate::codec::Body for $body {
            fn read(at: &mut $crate::json::Reader<'_>) -> Option<Self> {
                $($(let $pub = $crate::member!(read at $pub_mode stringify!($pub));)*)?
                $($(let $who = at.optional(stringify!($who));)*)?
                $($(let $own = $crate::member!(read at $own_mode stringify!($own));)*)?
                $($(let $in = at.nested(stringify!($in), <$in_type as $crate::codec::Body>::read)
                    .flatten()
                    .filter(|inner| !$crate::codec::Body::is_blank(inner));)*)?
                $($(let $row = at.rows(stringify!($row), $crate::facts::LIST_MAX, <$row_type as $crate::codec::Body>::read);)*)?
                $(Self::$check(at, $(&$checked),+);)?
                Some(Self {
                    $($($pub: $crate::member!(build public $pub_mode $pub),)*)?
                    $($($who, $who_digest: None,)*)?
                    $($($own: $crate::member!(build personal $own_mode $own),)*)?
                    $($($in,)*)?
                    $($($row,)*)?
                })
            }

            fn is_blank(&self) -> bool {
                true
                    $($(&& $crate::member!(blank public $pub_mode self.$pub))*)?
                    $($(&& self.$who.is_none() && self.$who_digest.is_none())*)?
                    $($(&& $crate::member!(blank personal $own_mode self.$own))*)?
                    $($(&& self.$in.is_none())*)?
                    $($(&& self.$row.is_empty())*)?
            }

            fn json(&self, out: &mut serde_json::Map<String, serde_json::Value>) {
                $($($crate::member!(json public $pub_mode out stringify!($pub), &self.$pub);)*)?
                $($($crate::member!(json personal optional out stringify!($who), &self.$who);)*)?
                $($($crate::member!(json personal $own_mode out stringify!($own), &self.$own);)*)?
                $($(if let Some(inner) = &self.$in {
                    let mut members = serde_json::Map::new();
                    inner.json(&mut members);
                    if !members.is_empty() {
                        out.insert(stringify!($in).to_owned(), members.into());
                    }
                })*)?
                $($(if !self.$row.is_empty() {
                    let rows = self.$row.iter().map(|row| {
                        let mut members = serde_json::Map::new();
                        row.json(&mut members);
                        serde_json::Value::Object(members)
                    });
                    out.insert(stringify!($row).to_owned(), rows.collect());
                })*)?
            }

            #[allow(unused_variables, reason = "bodies without persons or personal members")]
            fn put(
                &self,
                public: &mut Vec<u8>,
                personal: &mut Vec<u8>,
                person: $crate::codec::PersonHasher<'_>,
            ) -> Result<(), $crate::codec::CodecError> {
                $($($crate::codec::put(public, &self.$pub)?;)*)?
                $($(
                    let digest = self.$who.as_ref().map(|who| person(who.as_str())).or(self.$who_digest);
                    $crate::codec::put(public, &digest)?;
                    $crate::codec::put(personal, &self.$who)?;
                )*)?
                $($($crate::codec::put(personal, &self.$own)?;)*)?
                $($(
                    $crate::codec::put(public, &self.$in.is_some())?;
                    if let Some(inner) = &self.$in {
                        inner.put(public, personal, person)?;
                    }
                )*)?
                $($(
                    $crate::codec::put(public, &(self.$row.len() as u32))?;
                    for row in &self.$row {
                        row.put(public, personal, person)?;
                    }
                )*)?
                Ok(())
            }

            #[allow(unused_variables, reason = "bodies without persons or personal members")]
            fn take(
                public: &mut $crate::codec::Taker<'_>,
                personal: &mut Option<$crate::codec::Taker<'_>>,
            ) -> Result<Self, $crate::codec::CodecError> {
                $($(let $pub = public.take()?;)*)?
                $($(
                    let $who_digest = public.take()?;
                    let $who = personal.as_mut().map(|part| part.take()).transpose()?.unwrap_or_default();
                )*)?
                $($(let $own = personal.as_mut().map(|part| part.take()).transpose()?.unwrap_or_default();)*)?
                $($(let $in = if public.take::<bool>()? {
                    Some(<$in_type as $crate::codec::Body>::take(public, personal)?)
                } else {
                    None
                };)*)?
                $($(let $row = {
                    let count: u32 = public.take()?;
                    (0..count)
                        .map(|_| <$row_type as $crate::codec::Body>::take(public, personal))
                        .collect::<Result<Vec<_>, _>>()?
                };)*)?
                Ok(Self {
                    $($($pub,)*)?
                    $($($who, $who_digest,)*)?
                    $($($own,)*)?
                    $($($in,)*)?
                    $($($row,)*)?
                })
            }

            fn canonical(&self, out: &mut Vec<u8>) -> Result<(), $crate::codec::CodecError> {
                $($($crate::member!(canonical public $pub_mode out stringify!($pub), &self.$pub);)*)?
                $($($crate::member!(canonical personal optional out stringify!($who), &self.$who);)*)?
                $($($crate::member!(canonical personal $own_mode out stringify!($own), &self.$own);)*)?
                $($(if let Some(inner) = &self.$in {
                    $crate::codec::put_canonical_object(out, stringify!($in), inner)?;
                })*)?
                $($(if !self.$row.is_empty() {
                    $crate::codec::put_canonical_rows(out, stringify!($row), &self.$row)?;
                })*)?
                Ok(())
            }

            fn describe() -> $crate::description::BodyDescription {
                use $crate::description::MemberDescription;
                let members = vec![
                    $($(MemberDescription::new(
                        stringify!($pub),
                        &[$($pub_doc),*],
                        $crate::member!(needed $pub_mode),
                        $crate::member!(shape $pub_mode $pub_type),
                    ),)*)?
                    $($(MemberDescription::new(
                        stringify!($who),
                        &[$($who_doc),*],
                        false,
                        $crate::member!(shape optional $who_type),
                    ).personal(),)*)?
                    $($(MemberDescription::new(
                        stringify!($own),
                        &[$($own_doc),*],
                        $crate::member!(needed $own_mode),
                        $crate::member!(shape $own_mode $own_type),
                    ).personal(),)*)?
                    $($(MemberDescription::new(
                        stringify!($in),
                        &[$($in_doc),*],
                        false,
                        $crate::description::MemberShape::Object(<$in_type as $crate::codec::Body>::describe()),
                    ),)*)?
                    $($(MemberDescription::new(
                        stringify!($row),
                        &[$($row_doc),*],
                        false,
                        $crate::description::MemberShape::Objects(<$row_type as $crate::codec::Body>::describe()),
                    ),)*)?
                ];
                let rule: &[&str] = &[$($($check_doc),*)?];
                $crate::description::BodyDescription::new(stringify!($body), &[$($doc),*], members, rule)
            }
        }
    };
}
