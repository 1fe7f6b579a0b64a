//! Sources without a preset.

use super::{ReferenceTable, tables};

/// Stands in a header for each key whose value is a field.
pub const FIELD: &str = "FIELD";

pub const TABLES: &[ReferenceTable] = tables! {
    /// A source without a preset; one table for each. docs/mapping.md explains it.
    "[[mapping]]" sighup {
        /// What endpoints name it by, and the provider of its facts: 1 to 32 of a-z, 0-9 and _.
        name: "text", required, example "switchboard";
        /// Which version of your mapping it is; facts carry it.
        version: "integer from 0", default(1), example 2;
        /// Where the event's name stands; without it the endpoint's `event`, or none.
        event: "field", absent, example "type";
        /// The parts of the key that is the same for a delivery sent again; [] is the id of a Standard Webhook, or a digest.
        external_id: "array of fields", required, example ["call.id", "type"];
        /// When it happened; an event's own `occurred_at` wins.
        occurred_at: "field", words("the time of receipt"), example "sent_at";
        /// The number that leads to the tenant.
        tracking_number: "field", absent, example { path = "call.line", prefix = "+1" };
        /// Names or ids by which the tenant's `workspaces` know the source; the first that is known counts.
        workspace: "array of fields", default([]), example ["account.id"];
        /// The list of a batch; $ where the payload is one.
        each: "text, a path", absent, example "calls";
        /// The field of a form that holds the JSON.
        json_field: "text", absent, example "payload";
        /// The header of a request that is sent back, as RingCentral asks before it takes a URL.
        echo_header: "text", absent, example "Validation-Token";
    }
    /// How the source signs: a scheme's name (signature = "github"; docs/signatures.md lists them), or one described here.
    "[mapping.signature]" sighup {
        /// `hmac`, `header` (the secret itself stands in a header), or a scheme's name.
        scheme: "text", required, example "hmac";
        /// The header with the signature, or with the secret.
        header: "text", words("none; required for hmac and header"), example "x-signature";
        /// The hash of an hmac.
        hash: "sha256 or sha1", default("sha256"), example "sha256";
        /// How the signature is written.
        encoding: "hex or base64", default("hex"), example "base64";
        /// How the secret is written.
        secret: "text or base64", default("text"), example "text";
        /// What stands before the signature in the header.
        prefix: "text", default(""), example "sha256=";
        /// What stands between several signatures.
        between: "text", default(""), example ",";
        /// What is signed: {body}, {url}, {header-name}, and {element=} of the signature's header.
        signed: "text", default("{body}"), example "{x-timestamp}.{body}";
        /// Which part of it is the time; a delivery of another time is refused.
        time: "text", absent, example "{x-timestamp}";
        /// The unit of that time.
        time_unit: "seconds or milliseconds", words("its size tells, and RFC 3339 is read"), example "seconds";
        /// How far it may be off.
        tolerance_seconds: "integer from 0", default(300), example 600;
    }
    /// What the events mean; one table for each meaning.
    "[[mapping.on]]" sighup {
        /// Names of the events, in any case; none: every event.
        event: "array of texts", default([]), example ["call.finished"];
        /// A kind that operators may post (`factfold kinds`), or `ignored` for events that count nothing.
        kind: "text", required, example "call_reported";
        /// When it happened.
        occurred_at: "field", words("the mapping's `occurred_at`"), example "call.ended_at";
        /// The kind's members, each a field (`factfold kinds KIND` lists them); a table within for one that is an object,
        /// with the key `each` for one that is a list of objects.
        body: "table of fields", default({}), example { call_id = "call.id", status = { path = "call.state", table = { done = "completed" } } };
    }
    /// A field is a path in the payload, or a table of these keys, wherever the type above is `field`.
    "[mapping.FIELD]" sighup {
        /// Where the value stands: data.caller.0.number; /data/Full Name; $.id from the payload's root; header:x-event;
        /// query:event.
        path: "text", words("none; a path, paths or a value is required"), example "data.caller.0.number";
        /// Several of them: the first that is not blank counts.
        paths: "array of texts", default([]), example ["call_seconds", "call_duration"];
        /// How it is read: text integer decimal seconds minutes bool instant date month phone list.
        as: "text", words("what the member is"), example "seconds";
        /// How a time is written: rfc3339, rfc2822, epoch, epoch_ms or a pattern; of `date` and `month` a pattern.
        format: "text", default("rfc3339"), example "%m/%d/%Y %I:%M %p";
        /// The zone of a pattern's times.
        zone: "text", default("UTC"), example "America/New_York";
        /// What the source's words mean, in any case.
        table: "table", absent, example { Answered = "completed", "No Answer" = "no_answer" };
        /// What a word means that is not in the table; without it the delivery is quarantined.
        otherwise: "a value", absent, example "failed";
        /// A constant in place of a path.
        value: "a value", absent, example "inbound";
        /// What holds where nothing is given.
        default: "a value", absent, example "USD";
        /// What is put before a text; before a phone number of six digits or more without +.
        prefix: "text", default(""), example "+1";
    }
};
