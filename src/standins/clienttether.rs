//! ClientTether as it answers: an envelope with a result code and status 200 also for errors, every value a text, lists
//! that page by record offset.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{PlayedAnswer, PlayedProvider, PlayedRequest};

/// Most records of a page.
const LIMIT_MAX: usize = 100;

/// What an account holds. Clones are handles of the same account.
#[derive(Debug, Clone)]
pub struct CtAccount {
    inner: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    web_key: String,
    clients: Vec<Value>,
    opportunities: Vec<Value>,
    sales_cycles: Vec<Value>,
    activities: Vec<Value>,
    notes: BTreeMap<String, Vec<Value>>,
    /// Whether a lead moves on with each reading.
    is_lively: bool,
    readings: usize,
}

/// The stages that leads of the stand-in go through.
const STAGES: [&str; 6] =
    ["New Lead", "Outbound Call", "QR Sent", "QR Returned", "Deal Structure", "FA Signed"];

/// Names, places and sources of an account whose leads are told apart.
const PEOPLE: [(&str, &str); 11] = [
    ("Dana", "Lee"),
    ("María", "García"),
    ("Priya", "Nair"),
    ("Chen", "Wei"),
    ("Zoë", "Brandt"),
    ("Olu", "Adeyemi"),
    ("Sam", "Ito"),
    ("Eva", "Lind"),
    ("Noor", "Haddad"),
    ("Tom", "Baker"),
    ("Ines", "Costa"),
];
const MARKETS: [&str; 6] = ["Leeds", "Bristol", "Cardiff", "Glasgow", "Norwich", "Plymouth"];
const SOURCES: [&str; 5] = ["Website", "Google", "Referral", "Trade show", "Facebook"];

impl CtAccount {
    /// An empty account whose key this is.
    pub fn new(web_key: &str) -> Self {
        let held = Held { web_key: web_key.to_owned(), ..Held::default() };
        Self { inner: Arc::new(Mutex::new(held)) }
    }

    /// An account with so many leads, a deal for every fourth, and the usual sales cycles.
    pub fn with_leads(web_key: &str, leads: usize) -> Self {
        let account = Self::new(web_key);
        for (order, name) in STAGES.iter().enumerate() {
            account.put_sales_cycle(&(order + 1).to_string(), name, order, order * 20);
        }
        for number in 0..leads {
            let stage = STAGES[number % STAGES.len()];
            // Laid down without a search: a large account would take minutes.
            let mut held = account.inner.lock();
            held.clients.push(client(&(8_000_000 + number).to_string(), stage, "Website"));
            if number % 4 == 0 {
                held.opportunities.push(opportunity(&(9_000_000 + number).to_string(), stage, "45000.00"));
            }
        }
        account
    }

    /// The same account, of which one lead moves on a stage whenever the list of leads is read.
    #[must_use]
    pub fn lively(self) -> Self {
        self.inner.lock().is_lively = true;
        self
    }

    /// The same account with leads and deals that people can tell apart.
    #[must_use]
    pub fn peopled(self) -> Self {
        let mut held = self.inner.lock();
        let Held { clients, opportunities, .. } = &mut *held;
        for (number, row) in clients.iter_mut().chain(opportunities).enumerate() {
            let Value::Object(members) = row else { continue };
            let is_deal = members.contains_key("opportunity_id");
            let (first, last) = PEOPLE[number % PEOPLE.len()];
            let mut set = |member: &str, value: String| drop(members.insert(member.to_owned(), value.into()));
            set("firstName", first.to_owned());
            set("lastName", last.to_owned());
            set("compName", MARKETS[number * 7 % MARKETS.len()].to_owned());
            let source = SOURCES[number * 3 % SOURCES.len()].to_owned();
            if is_deal {
                set("contact_lead_source", source);
                set("deal_size", format!("{}.00", 25_000 + 2_500 * (number * 11 % 17)));
            } else {
                set("clients_lead_source", source);
            }
        }
        drop(held);
        self
    }

    /// Sets a client, by its id.
    pub fn put_client(&self, id: &str, stage: &str, source: &str) {
        put(&mut self.inner.lock().clients, "client_id", client(id, stage, source));
    }

    /// Changes one member of a client.
    pub fn set_client(&self, id: &str, member: &str, value: &str) {
        let mut held = self.inner.lock();
        let row = held.clients.iter_mut().find(|row| row["client_id"] == id);
        if let Some(Value::Object(members)) = row {
            members.insert(member.to_owned(), value.into());
        }
    }

    /// Removes a client.
    pub fn remove_client(&self, id: &str) {
        self.inner.lock().clients.retain(|row| row["client_id"] != id);
    }

    /// Sets an opportunity, by its id.
    pub fn put_opportunity(&self, id: &str, stage: &str, deal_size: &str) {
        put(&mut self.inner.lock().opportunities, "opportunity_id", opportunity(id, stage, deal_size));
    }

    /// Sets a sales cycle, by its id.
    pub fn put_sales_cycle(&self, id: &str, name: &str, order: usize, likelihood: usize) {
        let row = json!({
            "sales_cycle_id": id, "sales_cycle_name": name, "sales_cycle_active_status": "1",
            "sales_cycle_order": order.to_string(), "likelihood_to_close": likelihood.to_string(),
            "contact_type": "1", "contact_type_name": "Prospect",
        });
        put(&mut self.inner.lock().sales_cycles, "sales_cycle_id", row);
    }

    /// Adds a note of a client, the newest last.
    pub fn put_note(&self, client: &str, id: &str, note: &str) {
        let row = json!({"note_id": id, "note": note, "user": "Ann Agent", "created": "2026-01-20 09:00:00"});
        put(self.inner.lock().notes.entry(client.to_owned()).or_default(), "note_id", row);
    }

    /// Sets a scheduled activity; the path of their list is `read_my_activities`.
    pub fn put_activity(&self, id: &str, at: &str, kind: &str) {
        let row = json!({"activity_id": id, "due": at, "kind": kind, "state": "scheduled"});
        put(&mut self.inner.lock().activities, "activity_id", row);
    }
}

fn client(id: &str, stage: &str, source: &str) -> Value {
    json!({
        "client_id": id, "external_id": "", "firstName": "Pat", "lastName": format!("Lee {id}"), "compName": "",
        "email": format!("lead{id}@prospects.example"), "phone": "5551234567", "address": "", "city": "Tampa",
        "state": "FL", "zip": "33602", "whiteboard": "", "deal_size": "0.00", "clients_lead_source": source,
        "clients_sales_cycle": stage, "clients_action_plan": "", "contact_type": "1", "assigned_user": "",
        "created": "2026-01-19 12:00:00", "last_modified_date": "2026-01-20 08:15:00",
    })
}

fn opportunity(id: &str, stage: &str, deal_size: &str) -> Value {
    json!({
        "opportunity_id": id, "firstName": "No Name Text Added", "lastName": "", "compName": "Tampa market",
        "email": "", "phone": "5559876543", "contact_lead_source": "Website", "contact_sales_cycle": stage,
        "contact_action_plan": "", "deal_size": deal_size, "contact_type": "1", "assigned_user": "",
        "created": "2026-01-10 09:00:00", "last_modified_date": "2026-01-18 17:40:00",
    })
}

fn put(rows: &mut Vec<Value>, id: &str, row: Value) {
    match rows.iter_mut().find(|known| known[id] == row[id]) {
        Some(known) => *known = row,
        None => rows.push(row),
    }
}

impl Held {
    /// One lead goes on to its next stage.
    fn move_on(&mut self) {
        self.readings += 1;
        let count = self.clients.len().max(1);
        let Some(Value::Object(members)) = self.clients.get_mut(self.readings % count) else { return };
        let stage = members.get("clients_sales_cycle").and_then(Value::as_str).unwrap_or_default();
        let at = STAGES.iter().position(|known| *known == stage).unwrap_or_default();
        members.insert("clients_sales_cycle".into(), STAGES[(at + 1) % STAGES.len()].into());
    }
}

/// The result of a list: `code` is spelled in both ways by the real API.
fn listed(rows: &[Value], request: &PlayedRequest, code: &str) -> PlayedAnswer {
    let number = |name: &str, usual| request.query(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (limit, offset) = (number("limit", LIMIT_MAX).clamp(1, LIMIT_MAX), number("offset", 0));
    let page: Vec<&Value> = rows.iter().skip(offset).take(limit).collect();
    if rows.is_empty() {
        return PlayedAnswer::json(
            200,
            json!({"ResultCode": "CT_515", "Message": "No record found", "data": []}),
        );
    }
    let answer = json!({"ResultCode": code, "Message": "Success", "TotalRecord": rows.len(), "data": page});
    PlayedAnswer::json(200, answer)
}

impl PlayedProvider for CtAccount {
    fn answer(&self, request: &PlayedRequest) -> PlayedAnswer {
        let mut held = self.inner.lock();
        if request.header("x-web-key") != held.web_key {
            let refused = json!({"ResultCode": "CT_400", "Message": "Invalid web key", "data": []});
            return PlayedAnswer::json(401, refused);
        }
        if request.method != "GET" {
            return PlayedAnswer::json(405, json!({"ResultCode": "CT_400", "Message": "Bad request"}));
        }
        let path = request.path.trim_start_matches("/v2/api").trim_start_matches('/');
        match path.split_once('/').unwrap_or((path, "")) {
            ("read_client_list", "") => {
                if held.is_lively && request.query("offset").is_none_or(|offset| offset == "0") {
                    held.move_on();
                }
                listed(&held.clients, request, "CT_200")
            }
            ("read_opportunity_list", "") => listed(&held.opportunities, request, "CT200"),
            ("read_sales_cycle_list", "") => listed(&held.sales_cycles, request, "CT_200"),
            ("read_my_activities", "") => listed(&held.activities, request, "CT_200"),
            ("read_client_history_notes", client) => {
                listed(held.notes.get(client).map_or(&[][..], Vec::as_slice), request, "CT200")
            }
            (_, _) => {
                PlayedAnswer::json(200, json!({"ResultCode": "CT_404", "Message": "Request not found"}))
            }
        }
    }
}
