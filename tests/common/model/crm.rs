//! The CRM's dashboards (B4, B6 to B8, B10, B11, B13): runs, what the last good snapshot held, and the figures of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Bend, Config, Fact, Model, folded, instant, ratio, shown};

/// The source whose runs the banner reports.
const MAIN: &str = "clienttether";

const QUALIFIED: [&str; 10] = [
    "qr returned",
    "fdd sent",
    "fdd signed",
    "fdd review call scheduled",
    "fdd review call complete",
    "deal structure",
    "discovery day booked",
    "discovery day completed",
    "fa requested",
    "fa sent",
];
const HOT: [&str; 6] = [
    "deal structure",
    "discovery day booked",
    "discovery day completed",
    "fa requested",
    "fa sent",
    "fa signed",
];

/// The stages of a tenant that names none, of a source without cycles.
const STAGES: [&str; 18] = [
    "New Lead",
    "Outbound Call",
    "Inbound Contact",
    "Initial Call Scheduled",
    "Initial Call Complete",
    "QR Sent",
    "QR Returned",
    "FDD Sent",
    "FDD Signed",
    "FDD Review Call Scheduled",
    "FDD Review Call Complete",
    "Deal Structure",
    "Discovery Day Booked",
    "Discovery Day Completed",
    "FA Requested",
    "FA Sent",
    "FA Signed",
    "Future Interest",
];

/// One whole snapshot: when the source was read, and its records by id.
pub struct Snapshot<'a> {
    pub observed: DateTime<Utc>,
    ended: DateTime<Utc>,
    pub contact: Option<&'a str>,
    pub records: BTreeMap<&'a str, &'a Value>,
}

fn text<'v>(record: &'v Value, member: &str) -> Option<&'v str> {
    record[member].as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The spelling that most of these have; of equally usual ones the first by name.
fn usual<'v>(spellings: &[&'v str]) -> &'v str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for spelling in spellings {
        *counts.entry(spelling).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(name, count)| (*count, Reverse(*name))).expect("one at least").0
}

/// A stage, and how likely a deal in it closes.
type Stage = (String, Option<i64>);

/// The stages of a tenant, in order, and how likely deals close in these and others.
struct Stages {
    order: Vec<String>,
    likely: Vec<(String, i64)>,
}

impl Stages {
    /// A deal's or lead's stage as it is shown: spelled as the list of stages has it.
    fn shown<'v>(&'v self, record: &'v Value) -> &'v str {
        let own = text(record, "stage").unwrap_or("New Lead");
        self.order.iter().find(|name| folded(name) == folded(own)).map_or(own, |name| name)
    }

    fn place(&self, stage: &str) -> usize {
        self.order.iter().position(|name| folded(name) == folded(stage)).unwrap_or(self.order.len())
    }

    fn likely(&self, stage: &str) -> Option<i64> {
        self.likely.iter().find(|(name, _)| *name == folded(stage)).map(|(_, likely)| *likely)
    }
}

/// Groups by name without case, most first, then by name: `[{name: …, leads: n}]`.
fn grouped(name: &str, of: &[&str]) -> Value {
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for spelling in of {
        groups.entry(folded(spelling)).or_default().push(spelling);
    }
    let mut rows: Vec<_> = groups.values().map(|group| (Reverse(group.len()), usual(group))).collect();
    rows.sort();
    rows.iter().map(|(count, spelling)| json!({name: spelling, "leads": count.0})).collect()
}

/// The name of the contact that a record is about: its own word, else the lead's.
pub fn contact_name<'a>(record: &'a Value, contacts: &BTreeMap<&'a str, &'a Value>) -> Option<&'a str> {
    let lead = text(record, "contact").and_then(|id| contacts.get(id));
    text(record, "contact_name").or(lead.and_then(|lead| text(lead, "contact_name")))
}

/// The stages that a rule names, as names are compared.
fn stages_named(config: &Config<'_>, rule: &str, default: &[&str]) -> Vec<String> {
    let named = config.names(rule);
    if named.is_empty() { default.iter().map(|&name| name.to_owned()).collect() } else { named }
}

impl<'a> Model<'a> {
    fn run_facts(&self, source: &str, run: &str, kind: &'static str) -> Vec<Fact<'a>> {
        let of = |fact: &Fact<'a>| fact.text("run_id") == Some(run) && fact.text("source") == Some(source);
        self.of(&[kind]).filter(of).collect()
    }

    /// When a run ended well.
    fn succeeded(&self, source: &str, run: &str) -> Option<DateTime<Utc>> {
        let good = |fact: &Fact<'a>| fact.body["status"] == "success" && fact.text("error").is_none();
        let end = self.run_facts(source, run, "sync_finished").pop()?;
        (good(&end) || self.bend == Bend::FailedRunsCount).then_some(end.at)
    }

    /// What a run read of a resource (and contact), with what it changes resolved; none of a run that does not count.
    fn snapshot(
        &self,
        source: &str,
        run: &str,
        resource: &str,
        contact: Option<&str>,
    ) -> Option<Snapshot<'a>> {
        let parts = self.run_facts(source, run, "snapshot_taken").into_iter();
        let of = |fact: &Fact<'a>| fact.body["resource"] == resource && fact.text("contact") == contact;
        let parts: Vec<Fact<'a>> = parts.filter(of).collect();
        let told: BTreeSet<u64> = parts.iter().filter_map(|fact| fact.body["part"].as_u64()).collect();
        let whole = parts.first().is_some_and(|fact| fact.body["parts"].as_u64() == Some(told.len() as u64));
        let ended = self.succeeded(source, run).filter(|_| whole)?;
        let mut records = match parts[0].text("base") {
            Some(base) => self.snapshot(source, base, resource, contact)?.records,
            None => BTreeMap::new(),
        };
        for part in &parts {
            for gone in part.body["removed"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                records.remove(gone);
            }
        }
        for record in parts.iter().flat_map(|part| part.body["records"].as_array().into_iter().flatten()) {
            records.insert(record["id"].as_str().expect("an id"), record);
        }
        let observed = parts.iter().filter_map(|part| instant(&part.body["observed_at"])).max()?;
        Some(Snapshot { observed, ended, contact: parts[0].text("contact"), records })
    }

    /// Every snapshot of a resource that counts, oldest first.
    pub fn snapshots(&self, resource: &str) -> Vec<Snapshot<'a>> {
        let mut named = BTreeSet::new();
        for fact in self.of(&["snapshot_taken"]).filter(|fact| fact.body["resource"] == resource) {
            named.insert((
                fact.text("source").expect("given"),
                fact.text("run_id").expect("given"),
                fact.text("contact"),
            ));
        }
        let counts = named
            .into_iter()
            .filter_map(|(source, run, contact)| self.snapshot(source, run, resource, contact));
        let mut counts: Vec<_> = counts.collect();
        counts.sort_by_key(|snapshot| snapshot.observed);
        counts
    }

    /// The newest snapshot that was read, by a run that was over, before then.
    fn newest(&self, resource: &str, before: Option<DateTime<Utc>>) -> Option<Snapshot<'a>> {
        let mut all = self.snapshots(resource);
        all.retain(|snapshot| before.is_none_or(|before| snapshot.observed.max(snapshot.ended) < before));
        all.pop()
    }

    /// The newest snapshot of a resource without the records whose contact type does not count, and the configuration
    /// of the day on which it was read.
    fn counted(&self, resource: &str, before: Option<DateTime<Utc>>) -> Option<(Snapshot<'a>, &Config<'a>)> {
        let mut snapshot = self.newest(resource, before)?;
        let config = self.config_at(snapshot.observed);
        let mut types = config.names("counted_contact_types");
        if types.is_empty() {
            types.push("1".to_owned());
        }
        let counts =
            |record: &Value| text(record, "contact_type").is_none_or(|of| types.contains(&folded(of)));
        snapshot.records.retain(|_, record| counts(record));
        Some((snapshot, config))
    }

    /// `/leads/summary`, of what was read before then.
    pub fn lead_summary(&self, before: Option<DateTime<Utc>>) -> Value {
        let counted = self.counted("leads", before);
        let config = counted.as_ref().map_or(self.latest_config(), |(_, config)| config);
        let observed = counted.as_ref().map(|(snapshot, _)| shown(snapshot.observed));
        let leads: Vec<&Value> =
            counted.into_iter().flat_map(|(snapshot, _)| snapshot.records.into_values()).collect();
        let (list, qualified) =
            (self.stages(config, before), stages_named(config, "qualified_stages", &QUALIFIED));
        let sources: Vec<&str> = leads.iter().map(|lead| text(lead, "source").unwrap_or("Unknown")).collect();
        let stages: Vec<&str> = leads.iter().map(|lead| list.shown(lead)).collect();
        let by_source = grouped("source", &sources);
        json!({"observed_at": observed, "total_leads": leads.len(),
            "qualified_leads": stages.iter().filter(|stage| qualified.contains(&folded(stage))).count(),
            "source_count": by_source.as_array().map(Vec::len), "by_source": by_source,
            "by_status": grouped("status", &stages)})
    }

    /// The stages in the tenant's order: its own, else the source's cycles, else the product's.
    fn stages(&self, config: &Config<'_>, before: Option<DateTime<Utc>>) -> Stages {
        let stage = |stage: &Value, name: &str| {
            let name = text(stage, name).unwrap_or_default().to_owned();
            (name, stage["likelihood_percent"].as_i64())
        };
        let own = config.body["rules"]["stages"].as_array().into_iter().flatten();
        let own: Vec<Stage> = own.map(|of| stage(of, "name")).collect();
        let cycles = self.newest("sales_cycles", before).map(|snapshot| snapshot.records).unwrap_or_default();
        let mut cycles: Vec<&Value> = cycles.into_values().collect();
        cycles.sort_by_key(|cycle| cycle["order"].as_u64());
        let cycles: Vec<Stage> = cycles.iter().map(|of| stage(of, "stage")).collect();
        let order = match (own.is_empty(), cycles.is_empty()) {
            (false, _) => &own,
            (true, false) => &cycles,
            (true, true) => &STAGES.iter().map(|&name| (name.to_owned(), None)).collect(),
        };
        let order = order.iter().map(|(name, _)| name.clone()).collect();
        // The tenant's word on how likely a stage is, else the source's.
        let likely =
            own.into_iter().chain(cycles).filter_map(|(name, likely)| Some((folded(&name), likely?)));
        Stages { order, likely: likely.collect() }
    }

    /// `/pipeline`, of what was read before then.
    pub fn pipeline(&self, before: Option<DateTime<Utc>>) -> Value {
        let counted = self.counted("opportunities", before);
        let config = counted.as_ref().map_or(self.latest_config(), |(_, config)| config);
        let observed = counted.as_ref().map(|(snapshot, _)| shown(snapshot.observed));
        let deals: Vec<&Value> =
            counted.into_iter().flat_map(|(snapshot, _)| snapshot.records.into_values()).collect();
        let list = self.stages(config, before);
        // Of a tenant that names none the currency that most values are in.
        let mut valued: BTreeMap<&str, usize> = BTreeMap::new();
        for deal in &deals {
            if let Some(currency) = text(deal, "currency") {
                let has_value = deal["value_minor"].as_i64().is_some_and(|minor| minor > 0);
                *valued.entry(currency).or_default() += usize::from(has_value);
            }
        }
        let most = valued.into_iter().max_by_key(|(name, count)| (*count, Reverse(*name)));
        let currency = config.currency().or(most.map(|(name, _)| name));
        let mut stages: BTreeMap<(usize, String), Vec<&Value>> = BTreeMap::new();
        for deal in &deals {
            let name = folded(list.shown(deal));
            let place = list.place(&name);
            stages.entry((place, name)).or_default().push(deal);
        }
        let of = |deal: &Value| text(deal, "currency").or(currency).map(str::to_owned);
        let value = |deal: &Value| {
            deal["value_minor"].as_i64().filter(|_| of(deal).as_deref() == currency).unwrap_or(0)
        };
        let mut others: BTreeMap<String, i64> = BTreeMap::new();
        for deal in deals.iter().filter(|deal| of(deal).as_deref() != currency) {
            if let (Some(currency), Some(minor)) =
                (of(deal), deal["value_minor"].as_i64().filter(|minor| *minor != 0))
            {
                *others.entry(currency).or_default() += minor;
            }
        }
        let total: i64 = deals.iter().map(|deal| value(deal)).sum();
        let valued = deals.iter().filter(|deal| value(deal) != 0).count();
        let (mut weighted, mut known, mut rows) = (0, false, Vec::new());
        for ((_, name), deals) in &stages {
            let likely = list.likely(name);
            let worth: i64 = deals.iter().map(|deal| value(deal)).sum();
            let spellings: Vec<&str> = deals.iter().map(|deal| list.shown(deal)).collect();
            known |= likely.is_some();
            weighted += i128::from(worth) * i128::from(likely.unwrap_or(0));
            rows.push(json!({"stage": usual(&spellings), "count": deals.len(), "value_minor": worth, "likelihood_percent": likely}));
        }
        json!({"observed_at": observed, "currency": currency, "total_value_minor": total, "stage_count": stages.len(),
            "average_deal_minor": ratio(total.into(), valued as i128).map(|minor| minor as i64),
            "weighted_value_minor": known.then(|| ratio(weighted, 100)).flatten().map(|minor| minor as i64),
            "stages": rows, "other_value_minor": others})
    }

    /// `/hot-list`, by weighted size, then size, highest first.
    pub fn hot_list(&self) -> Value {
        let Some((snapshot, config)) = self.counted("opportunities", None) else { return json!([]) };
        let (hot, list) = (stages_named(config, "hot_stages", &HOT), self.stages(config, None));
        let mut rows = Vec::new();
        for (id, deal) in snapshot.records {
            let stage = list.shown(deal);
            if !hot.contains(&folded(stage)) {
                continue;
            }
            let likely = list.likely(stage);
            let size = deal["value_minor"].as_i64().unwrap_or(0);
            let weighted = likely
                .and_then(|likely| ratio(i128::from(size) * i128::from(likely), 100))
                .map(|minor| minor as i64);
            let row = json!({"opportunity_id": id, "candidate": text(deal, "contact_name"), "market": text(deal, "company"),
                "units": deal["units"], "iff_minor": size, "currency": text(deal, "currency").or(config.currency()),
                "likely_percent": likely, "weighted_iff_minor": weighted, "stage": stage});
            rows.push(((Reverse(weighted), Reverse(size), id), row));
        }
        rows.sort_by_key(|(place, _)| *place);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// The leads by id: whom records are about.
    pub fn contacts(&self) -> BTreeMap<&'a str, &'a Value> {
        self.newest("leads", None).map(|snapshot| snapshot.records).unwrap_or_default()
    }

    /// `/schedule` at the model's time.
    pub fn schedule(&self) -> Value {
        let activities = self.newest("activities", None).map(|snapshot| snapshot.records).unwrap_or_default();
        let contacts = self.contacts();
        let due = |(id, activity): (&'a str, &'a Value)| {
            let at = instant(&activity["scheduled_at"]).filter(|at| *at > self.at)?;
            Some((at, id, activity))
        };
        let mut due: Vec<_> = activities.into_iter().filter_map(due).collect();
        due.sort_by_key(|(at, id, _)| (*at, *id));
        let item = |(at, id, activity): (DateTime<Utc>, &'a str, &'a Value)| {
            json!({"activity_id": id, "scheduled_at": shown(at), "activity_type": text(activity, "activity_type"),
                "contact_name": contact_name(activity, &contacts), "description": text(activity, "content"),
                "status": text(activity, "status")})
        };
        due.into_iter().take(100).map(item).collect()
    }

    /// `/sync/runs`, the last begun first.
    pub fn runs(&self) -> Value {
        let mut named = BTreeSet::new();
        for fact in self.of(&["sync_started", "sync_finished"]) {
            named.insert((fact.text("source").expect("given"), fact.text("run_id").expect("given")));
        }
        let run = |(source, run): (&str, &str)| {
            let start = self.run_facts(source, run, "sync_started").into_iter().next();
            let end = self.run_facts(source, run, "sync_finished").pop();
            let given = |member: &str| {
                end.or(start).map(|fact| fact.body[member].clone()).filter(|value| !value.is_null())
            };
            let status = match end {
                None => "running",
                Some(_) if self.succeeded(source, run).is_some() => "success",
                Some(_) => "failed",
            };
            let begun = start.or(end).map(|fact| fact.at);
            let item = json!({"run_id": run, "source": source, "status": status,
                "started_at": start.map(|fact| shown(fact.at)), "finished_at": end.map(|fact| shown(fact.at)),
                "records_updated": given("records_updated"), "error": given("error")});
            (Reverse(begun), item)
        };
        let mut runs: Vec<_> = named.into_iter().map(run).collect();
        runs.sort_by_key(|(begun, _)| *begun);
        runs.into_iter().map(|(_, item)| item).collect()
    }

    /// `/sync/status` at the model's time: of the main source alone.
    pub fn sync_status(&self) -> Value {
        let runs = self.runs();
        let main = || runs.as_array().into_iter().flatten().filter(|run| run["source"] == MAIN);
        let success = main()
            .filter(|run| run["status"] == "success")
            .filter_map(|run| instant(&run["finished_at"]))
            .max();
        let age = success.map(|at| self.at - at);
        let stale = age.is_none_or(|age| age > TimeDelta::hours(2));
        let status = main().next().map_or("never", |run| run["status"].as_str().expect("a status"));
        let message = match (status, age) {
            ("running", _) => "Sync in progress...".to_owned(),
            (_, None) => "No sync data available - sync may be delayed".to_owned(),
            (_, Some(age)) if stale => format!("Data is {} hours old - sync may be delayed", age.num_hours()),
            (_, Some(age)) => format!("Data last synced: {} minutes ago", age.num_minutes()),
        };
        json!({"last_sync_at": success.map(shown), "status": status, "is_stale": stale,
            "age_seconds": age.map(|age| age.num_seconds()), "message": message})
    }
}
