//! Outreach: leads and their events, stages given by people, and sender accounts.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{AGENTS, History};

const INSTANCE: &str = "dedi.emailbison.com";

impl History {
    pub(super) fn outreach(&mut self, size: usize, called: &[String]) {
        let kinds = [
            "email_sent",
            "email_sent",
            "email_sent",
            "lead_replied",
            "lead_replied",
            "lead_interested",
            "email_bounced",
            "lead_unsubscribed",
        ];
        let mut named: Vec<(Value, Value)> = Vec::new();
        for _ in 0..size / 4 {
            let (kind, at, (workspace, lead)) = (self.pick(&kinds), self.instant(), self.lead(called));
            let place = json!({"instance": INSTANCE, "workspace": workspace});
            named.extend([
                (json!({"id": lead["id"]}), place.clone()),
                (json!({"email": lead["email"]}), place),
            ]);
            self.add(
                kind,
                &at,
                json!({"instance": INSTANCE, "workspace": workspace, "lead": lead, "campaign": "autumn"}),
            );
        }
        named.retain(|(lead, _)| lead.as_object().is_some_and(|lead| lead.values().all(Value::is_string)));
        for _ in 0..size / 25 {
            let ((lead, place), at) = (self.pick(&named), self.instant());
            let (stage, by) =
                (self.pick(&["interested", "quoting", "follow_up", "won", "lost"]), self.pick(&AGENTS));
            let mut body = json!({"lead": lead, "stage": stage, "by": by});
            if self.random.one_in(2) {
                body["instance"] = place["instance"].clone();
                body["workspace"] = place["workspace"].clone();
            }
            self.add("lead_staged", &at, body);
        }
    }

    /// A lead by id, by email or by both; ids and emails of the two workspaces are apart.
    fn lead(&mut self, called: &[String]) -> (&'static str, Value) {
        let n = self.below(called.len());
        if self.random.one_in(12) {
            // The same person may be known in both.
            let email =
                if self.random.one_in(3) { format!("l{n}@example.com") } else { format!("m{n}@example.com") };
            return ("18", json!({"id": format!("M{n}"), "email": email}));
        }
        let email = format!("l{n}@example.com");
        let (first, company) = (self.pick(&["Jo", "Lu", "Mo"]), self.pick(&["Initech", "Globex Inc"]));
        let (first, company) = (self.maybe(2, first), self.maybe(3, company));
        let mut lead = match self.below(8) {
            0 => json!({"email": email.to_uppercase()}),
            1 => json!({"email": format!("nobody{n}@example.com")}),
            2 => json!({"id": called[n]}),
            _ => json!({"id": called[n], "email": email, "first_name": first, "company": company}),
        };
        lead.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        ("17", lead)
    }

    /// Accounts that are polled on most days, and what happens to them in between.
    pub(super) fn accounts(&mut self, size: usize) {
        let mut days: Vec<i64> = (3..super::DAYS - 3).collect();
        self.random.shuffle(&mut days);
        days.truncate(10 + size / 1_000);
        days.sort_unstable();
        // Then it is the same day in every zone of the histories.
        let noon = self.first.date_naive().and_hms_opt(12, 0, 0).expect("noon").and_utc();
        for n in 0..4 + size / 100 {
            let mut provider = self.pick(&[json!("Gmail"), json!("Outlook"), Value::Null]);
            let email = format!("s{n}@acme.example");
            let (mut totals, begins) = ([self.below(500), 5, 1], self.below(3));
            let moves = self.random.one_in(4).then_some(days[days.len() / 2]);
            for day in days.clone().into_iter().skip(begins) {
                for (total, most) in totals.iter_mut().zip([40, 5, 2]) {
                    *total += self.random.below(most) as usize;
                }
                if self.random.one_in(40) {
                    provider = json!("Zoho");
                }
                // The mailbox was added again, or its provider began to count anew.
                let again = moves.is_some_and(|moves| day >= moves);
                if moves == Some(day) || self.random.one_in(30) {
                    totals = [3, 0, 0];
                }
                let at = noon + TimeDelta::days(day) + TimeDelta::seconds(2 * n as i64 + 1);
                let id = if again { format!("b{n}") } else { format!("a{n}") };
                let status = if self.random.one_in(6) { "disconnected" } else { "connected" };
                self.add("sender_account_observed", &at.to_rfc3339(), json!({"instance": INSTANCE, "workspace": "17",
                    "account_id": id, "email": email, "status": status, "sends": totals[0], "replies": totals[1],
                    "bounces": totals[2], "email_provider": provider, "reseller": "Inboxly", "tags": ["warm", "b"]}));
            }
        }
        for _ in 0..size / 40 {
            let (of, at) = (self.below(6 + size / 100), self.instant());
            let kind = self.pick(&["added", "disconnected", "reconnected", "removed"]);
            let event =
                json!({"instance": INSTANCE, "workspace": "17", "email": format!("S{of}@acme.example")});
            self.add(&format!("sender_account_{kind}"), &at, event);
        }
    }
}
