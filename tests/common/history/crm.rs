//! Sync runs of a CRM: complete and incremental snapshots, in parts, of runs that succeed, fail or never end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::History;

const STAGES: [&str; 8] =
    ["FDD Sent", "fdd sent", " Deal Structure", "FA Sent", "fa signed", "QR Sent", "", "Somewhere else"];
const SOURCES: [&str; 6] = ["Website", "website ", "WEBSITE", "Referral", "", "Unknown"];

impl History {
    pub(super) fn crm(&mut self, size: usize) {
        let resources =
            ["leads", "leads", "opportunities", "opportunities", "activities", "notes", "sales_cycles"];
        // By resource the last run that a change may build on.
        let mut last: BTreeMap<&str, String> = BTreeMap::new();
        let runs = 8 + size / 100;
        let times = self.instants(3 * runs);
        for (n, times) in times.chunks(3).enumerate() {
            let (run, resource) = (format!("r{n}"), self.pick(&resources));
            let first_pass = resource == "notes" && self.random.one_in(3);
            let source = if first_pass { "clienttether_notes" } else { "clienttether" };
            let head = json!({"run_id": run, "source": source});
            let with = |members: Value| {
                let mut body = head.clone();
                body.as_object_mut().expect("object").extend(members.as_object().expect("object").clone());
                body
            };
            if !self.random.one_in(8) {
                self.add("sync_started", &times[0], with(json!({"status": "running"})));
            }
            // Notes are read contact by contact (RULINGS, CRM).
            let contact = if resource == "notes" { json!(self.pick(&["1", "2", "3"])) } else { Value::Null };
            let base =
                if resource == "notes" || self.random.one_in(2) { None } else { last.get(resource).cloned() };
            let removed: Vec<String> = base
                .iter()
                .flat_map(|_| ["1", "4", "7"])
                .filter(|_| self.random.one_in(2))
                .map(str::to_owned)
                .collect();
            let parts = 1 + self.below(3);
            let missing = self.random.one_in(10).then(|| self.below(parts));
            for part in (0..parts).filter(|part| Some(*part) != missing) {
                let count = self.below(6);
                // Parts do not share records.
                let records: Vec<Value> =
                    (0..count).map(|n| self.record(resource, 1 + part + 3 * n, &contact)).collect();
                let removed = if part == 0 { removed.clone() } else { Vec::new() };
                let at = times[1].clone();
                self.add("snapshot_taken", &at, with(json!({"resource": resource, "observed_at": times[1],
                    "part": part + 1, "parts": parts, "base": base, "contact": contact, "removed": removed, "records": records})));
            }
            let (status, error) = match self.below(10) {
                0 => ("failed", json!("page 2: HTTP 500")),
                1 => ("success", json!("401 on page 1")),
                _ => ("success", Value::Null),
            };
            if !self.random.one_in(8) {
                let updated = self.below(90);
                self.add(
                    "sync_finished",
                    &times[2],
                    with(json!({"status": status, "error": error, "records_updated": updated})),
                );
            }
            if contact.is_null() {
                last.insert(resource, run);
            }
        }
    }

    fn record(&mut self, resource: &str, id: usize, contact: &Value) -> Value {
        let types = ["1", "1", "1", " 1", "4"];
        let of_type = self.pick(&types);
        let of_type = self.maybe(4, of_type);
        let stage = self.pick(&STAGES);
        let mut record = match resource {
            "leads" => {
                json!({"id": id.to_string(), "source": self.pick(&SOURCES), "stage": stage, "contact_type": of_type,
                "contact_name": format!("Contact {id}")})
            }
            "opportunities" => {
                let (value, units) = (self.pick(&[0, 90_000, 12_345, 5]) + 7 * id, self.below(4));
                let value = if self.random.one_in(5) { json!(0) } else { self.maybe(6, value) };
                let currency = self.pick(&[json!("USD"), Value::Null, Value::Null, json!("EUR")]);
                json!({"id": id.to_string(), "stage": stage, "contact_type": of_type, "value_minor": value,
                    "currency": currency, "units": self.maybe(2, units), "contact_name": format!("Contact {id}"),
                    "company": self.maybe(3, "Austin")})
            }
            "activities" => {
                let year = self.pick(&[2024, 2031]);
                let (named, kind) = (self.random.one_in(2), self.pick(&["Call", "Meeting"]));
                json!({"id": id.to_string(), "scheduled_at": format!("{year}-01-{id:02}T10:00:00Z"), "activity_type": kind,
                    "status": "open", "content": format!("about {id}"), "contact": (id % 9).to_string(),
                    "contact_name": named.then(|| format!("Named {id}"))})
            }
            "notes" => {
                let of = contact.as_str().map_or_else(|| (1 + id % 3).to_string(), str::to_owned);
                let (content, hour) =
                    (self.pick(&["What is the price?", "Spoke to Bo", "Left word"]), self.below(9));
                let minute = 7 * of.parse::<usize>().expect("a number");
                let dated = format!("2025-09-{:02}T0{hour}:{minute:02}:00Z", 1 + id);
                json!({"id": format!("n{of}-{id}"), "content": content, "author": self.maybe(3, "Zoe"), "contact": of,
                    "created_at": dated})
            }
            _ => {
                let usual = ["QR Sent", "FA Sent", "Deal Structure", "FDD Sent"];
                let stage =
                    if id % 7 < usual.len() { usual[id % 7].to_owned() } else { format!("Cycle {id}") };
                json!({"id": id.to_string(), "stage": stage, "order": id, "likelihood_percent": (id * 7) % 101,
                    "active": true})
            }
        };
        record.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        record
    }
}
