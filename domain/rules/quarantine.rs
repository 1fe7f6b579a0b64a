//! Reasons for which a delivery is in quarantine, and what would change each: a setting, or a fix at its source (R3).

/// Each reason, as it is recorded and filtered by, and its remedy. After it, a retry maps the delivery again.
pub const REASONS: &[(&str, &str)] = &[
    (
        "malformed_body",
        "the body is neither JSON nor a form, names a member twice, or is compressed otherwise than by gzip, deflate, br or \
         zstd: mend it at the source, or name its field with the mapping's json_field",
    ),
    (
        "missing_field",
        "name another path, a default or a value for the field in the mapping; of a preset, set the endpoint's event or have \
         the source send the field",
    ),
    (
        "malformed_field",
        "give the field another as, format or zone, or the word to its table, or an otherwise; of a preset, mend it at the \
         source or describe the source by a mapping",
    ),
    (
        "unknown_event_type",
        "add the event to a [[mapping.on]], with kind = \"ignored\" where it counts nothing, or set the endpoint's event; of a \
         preset, a later release may know it",
    ),
    ("unknown_tracking_number", "add the number to a tenant's tracking_number, or set the endpoint's tenant"),
    ("unknown_workspace", "add the workspace to a tenant's workspaces, or set the endpoint's tenant"),
    (
        "unknown_tenant",
        "configure the endpoint's tenant: [[tenant]] in the file, then tenant apply or a restart",
    ),
    (
        "future_occurred_at",
        "mend the clock at the source or the path, format and zone of occurred_at; or retry once that time is less than a day \
         ahead",
    ),
    (
        "too_large",
        "map fewer or shorter members, or have the source send less at once: at most 10,000 events, and 256 KiB a fact",
    ),
    ("unknown_endpoint", "configure the endpoint again, with the id and provider that it had"),
    ("erased", "nothing is left to map: post the facts, if they are known elsewhere"),
];

/// What would change it that deliveries are quarantined for the reason; `None` for one that this release does not know.
pub fn remedy(reason: &str) -> Option<&'static str> {
    REASONS.iter().find(|(known, _)| *known == reason).map(|(_, remedy)| *remedy)
}
