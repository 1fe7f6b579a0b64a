//! What mails say, as plain text and as simple HTML.

use domain::members::Day;
use projections::entities::alerts::list::AlertItem;
use projections::figures::report::{Compared, ReportFigures};

/// Longest part of a report's text; the rest is on its page.
const NARRATIVE_MAX: usize = 4_000;

/// What a mail says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailContent {
    /// In a line.
    pub subject: String,
    /// Before the rows.
    pub paragraphs: Vec<String>,
    /// What the columns of the rows are.
    pub head: Vec<&'static str>,
    /// Figures, each row from its name on.
    pub rows: Vec<Vec<String>>,
    /// Where there is more: the words of the link, and where it leads.
    pub link: Option<(&'static str, String)>,
}

/// A text without line ends and other control characters.
pub fn one_line(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.split(ends).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A word of ours as people write it.
fn in_words(word: &str) -> String {
    word.replace('_', " ")
}

impl MailContent {
    /// Of an alert that was raised, or that is over.
    pub fn of_alert(
        (workspace, tenant): (&str, &str),
        item: &AlertItem,
        is_over: bool,
        public_url: &str,
    ) -> Self {
        let over = item.cleared_at.as_ref().filter(|_| is_over);
        let mark = if is_over { "Over: " } else { "" };
        let mut paragraphs = vec![item.title.clone()];
        let (rule, raised_at) = (in_words(&item.rule), &item.raised_at);
        paragraphs.push(match over {
            Some(at) => format!("Alert \"{rule}\" of {workspace}, raised {raised_at}, is over since {at}."),
            None => format!("Alert \"{rule}\" of {workspace}, raised {raised_at}."),
        });
        paragraphs.extend(item.cleared_reason.clone().filter(|_| is_over));
        let rows = item.figures.iter().map(|(name, value)| vec![in_words(name), value.clone()]);
        Self {
            subject: format!("[{workspace}] {mark}{}", item.title),
            paragraphs,
            head: Vec::new(),
            rows: rows.collect(),
            link: Some(("Open the dashboard", page(public_url, tenant, "dashboard"))),
        }
    }

    /// Of a report that is published.
    pub fn of_report(
        (workspace, tenant): (&str, &str),
        what: &str,
        narrative: Option<&str>,
        figures: &ReportFigures,
        public_url: &str,
    ) -> Self {
        let narrative = narrative.map(|text| text.chars().take(NARRATIVE_MAX).collect::<String>());
        let paragraphs = std::iter::once(format!("{what} of {workspace} is published.")).chain(narrative);
        Self {
            subject: format!("[{workspace}] {what}"),
            paragraphs: paragraphs.collect(),
            head: HEAD.to_vec(),
            rows: rows(figures),
            link: Some(("Open the reports", page(public_url, tenant, "reports"))),
        }
    }

    /// Of the week before a Monday, beside the week before it.
    pub fn of_week(
        (workspace, tenant): (&str, &str),
        monday: Day,
        figures: &ReportFigures,
        public_url: &str,
    ) -> Self {
        let (from, to) = (Day(monday.0 - 7), Day(monday.0 - 1));
        Self {
            subject: format!("[{workspace}] The week of {from}"),
            paragraphs: vec![format!("{workspace}, {from} to {to}, beside the week before.")],
            head: HEAD.to_vec(),
            rows: rows(figures),
            link: Some(("Open the dashboard", page(public_url, tenant, "dashboard"))),
        }
    }

    /// As plain text.
    pub fn text(&self, unsubscribe: &str) -> String {
        let mut parts = self.paragraphs.clone();
        if !self.rows.is_empty() {
            let lines = self.rows.iter().map(|row| {
                let (name, values) =
                    (row.first().cloned().unwrap_or_default(), row.get(1..).unwrap_or_default());
                let named = values.iter().enumerate().map(|(at, value)| match self.head.get(at + 1) {
                    Some(head) => format!("{value} {head}"),
                    None => value.clone(),
                });
                format!("{name}: {}", named.collect::<Vec<_>>().join(", "))
            });
            parts.push(lines.collect::<Vec<_>>().join("\n"));
        }
        parts.extend(self.link.as_ref().map(|(words, url)| format!("{words}: {url}")));
        parts.push(format!("-- \nNo more of these mails: {unsubscribe}"));
        parts.join("\n\n") + "\n"
    }

    /// As HTML without anything that would have to be fetched.
    pub fn html(&self, unsubscribe: &str) -> String {
        let mut out = String::from("<!doctype html><html><body style=\"font-family: sans-serif\">");
        for paragraph in &self.paragraphs {
            out.push_str(&format!("<p>{}</p>", escaped(paragraph).replace('\n', "<br>")));
        }
        if !self.rows.is_empty() {
            out.push_str("<table cellpadding=\"4\">");
            let cells = |tag: &str, cells: &mut dyn Iterator<Item = String>| {
                cells.map(|cell| format!("<{tag} align=\"left\">{cell}</{tag}>")).collect::<String>()
            };
            if !self.head.is_empty() {
                let head = cells("th", &mut self.head.iter().map(|head| escaped(head)));
                out.push_str(&format!("<tr>{head}</tr>"));
            }
            for row in &self.rows {
                out.push_str(&format!("<tr>{}</tr>", cells("td", &mut row.iter().map(|cell| escaped(cell)))));
            }
            out.push_str("</table>");
        }
        if let Some((words, url)) = &self.link {
            out.push_str(&format!("<p><a href=\"{}\">{}</a></p>", escaped(url), escaped(words)));
        }
        let unsubscribe = escaped(unsubscribe);
        out.push_str(&format!("<p><small><a href=\"{unsubscribe}\">No more of these mails</a></small></p>"));
        out.push_str("</body></html>");
        out
    }
}

/// A page of a workspace. A tenant's id needs no escape.
fn page(public_url: &str, tenant: &str, page: &str) -> String {
    if tenant.starts_with('_') { public_url.to_owned() } else { format!("{public_url}/w/{tenant}/{page}") }
}

const HEAD: [&str; 4] = ["", "this time", "before", "change"];

/// The counters of a period, those that were observed.
fn rows(figures: &ReportFigures) -> Vec<Vec<String>> {
    let all: [(&str, &Compared); 12] = [
        ("Calls", &figures.calls),
        ("Answered", &figures.answered),
        ("Qualified", &figures.qualified),
        ("Talk seconds", &figures.talk_seconds),
        ("Emails sent", &figures.emails_sent),
        ("Replies", &figures.replies),
        ("Interested", &figures.interested),
        ("Positive replies", &figures.positive_replies),
        ("Bounces", &figures.bounces),
        ("Unsubscribes", &figures.unsubscribes),
        ("Leads", &figures.total_leads),
        ("Qualified leads", &figures.qualified_leads),
    ];
    let observed = all.into_iter().filter(|(_, compared)| compared.value.is_some());
    let number =
        |number: Option<i64>| number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
    let row = |(name, compared): (&str, &Compared)| {
        let change = compared.change.map_or_else(|| "unknown".to_owned(), |change| format!("{change:+}"));
        vec![name.to_owned(), number(compared.value), number(compared.before), change]
    };
    observed.map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_text_in_html_and_no_markup() {
        let content = MailContent {
            paragraphs: vec!["<img src=x onerror=alert(1)> & \"more\"\nnext".into()],
            rows: vec![vec!["<b>".into(), "1".into()]],
            ..MailContent::default()
        };
        let html = content.html("https://x.example/\"><script>");
        assert!(!html.contains("<img") && !html.contains("<b>") && !html.contains("<script>"), "{html}");
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;more&quot;<br>next"), "{html}");
        let text = content.text("https://x.example/u");
        assert!(
            text.contains("<b>: 1") && text.ends_with("No more of these mails: https://x.example/u\n"),
            "{text}"
        );
    }
}
