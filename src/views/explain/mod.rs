//! Figures explained (E2): the subjects of a figure from the rows in memory, and of a page's subjects the facts, read from
//! the log and folded again. Nothing walks through the log.

mod answer;
pub mod proven;
mod report;
mod voided;

use std::sync::Arc;

use domain::facts::{Subject, kind_name};
use domain::keys::{PersonDigest, Position, TenantId};
use domain::members::Instant;
use projections::entities::conflicts::Replacements;
use projections::explain::fields::StateSubject;
use projections::explain::question::{Question, as_json};
use projections::explain::reasons::{COUNTS, NotCounted};
use projections::explain::refold::{Refold, StateRefold};
use projections::explain::subjects::{CountedSubject, SubjectId};
use projections::explain::tally::FigureTally;
use projections::explain::verdict::{self, TouchedSubjects};
use projections::tenant::Tenant;

pub use self::answer::{Contribution, ContributionCursor, Explanation, FactVerdict};
use self::voided::ExplainEntry;
use super::TenantView;
use crate::follow::{Decoded, FoldError, standing};
use crate::log::LogSnapshot;

/// What of a figure's subjects is asked for.
#[derive(Debug, Clone, Copy)]
pub struct ContributionPage {
    /// Those that count; else those that do not.
    pub counted: bool,
    /// Also facts that move nothing.
    pub zeros: bool,
    /// Where the page before ended.
    pub after: Option<ContributionCursor>,
    /// Most contributions of the page.
    pub limit: usize,
    /// Of voided facts: only those that had happened by then.
    pub until: Option<Instant>,
}

/// The models of a tenant at one position, with the log that they were folded from.
pub struct Explainer {
    log: LogSnapshot,
    tenant_id: TenantId,
    tenant: Tenant,
    position: Position,
    /// Of the tenant as it is now: a fold of what had happened by a time leaves out no accepted conflict.
    replacements: Arc<Replacements>,
}

impl Explainer {
    /// Takes the models of `view` as they are: a few counters. `live` are the tenant's models of now, and `log` must reach
    /// both.
    pub fn new(tenant_id: TenantId, view: &TenantView, live: &TenantView, log: LogSnapshot) -> Self {
        let (tenant, position) = view.with(|tenant, position| (tenant.clone(), position));
        let replacements = live.with(|tenant, _| tenant.conflicts.rows.replacements());
        Self { log, tenant_id, tenant, position, replacements }
    }

    /// The figure with a page of its contributions; none where nothing has the name that selects it. Reads files.
    ///
    /// # Errors
    /// What the log cannot read.
    pub fn explain(
        &self,
        question: &Question,
        page: &ContributionPage,
        now: Instant,
    ) -> Result<Option<Explanation>, FoldError> {
        let Some(value) = question.value(&self.tenant, now) else { return Ok(None) };
        let mut answer = Explanation {
            position: self.position,
            figure: question.name(),
            value,
            unit: question.unit(),
            rule: None,
            formula: question.formula(&self.tenant, now),
            contributions: Vec::new(),
            total: None,
            contributing_subjects: 0,
            not_contributing_subjects: 0,
            next_cursor: None,
        };
        if let Some(subject) = question.state() {
            self.state(question, subject, page, now, &mut answer)?;
        }
        let Some(tally) = question.tally() else { return Ok(Some(answer)) };
        let (counted, not): (Vec<_>, Vec<_>) =
            tally.subjects(&self.tenant).into_iter().partition(|subject| subject.amount != 0);
        answer.rule = Some(tally.rule(&self.tenant));
        answer.total = as_json(counted.iter().map(|subject| subject.amount).sum()).as_i64();
        answer.contributing_subjects = counted.len();
        answer.not_contributing_subjects = not.len();
        let mut listed: Vec<ExplainEntry> =
            if page.counted { counted } else { not }.into_iter().map(ExplainEntry::Subject).collect();
        if !page.counted {
            listed.extend(self.voided_facts().map(ExplainEntry::Voided));
        }
        let begin = page.after.map_or((0, 0), |after| after.subject);
        listed.retain(|one| one.key() >= begin);
        listed.sort_unstable_by_key(ExplainEntry::key);
        let mut listed = listed.into_iter().peekable();
        while let Some(one) = listed.next() {
            let told = page.after.filter(|after| after.subject == one.key()).map_or(0, |after| after.told);
            let mut contributions = match &one {
                ExplainEntry::Subject(subject) if page.counted => {
                    self.contributions(tally, subject, page.zeros)?
                }
                ExplainEntry::Subject(subject) => self.not_counted(tally, subject)?.into_iter().collect(),
                ExplainEntry::Voided(fact) => self.voided(tally, *fact, page.until)?.into_iter().collect(),
            };
            let all = contributions.len();
            contributions.drain(..told.min(all));
            contributions.truncate(page.limit - answer.contributions.len());
            let told = told + contributions.len();
            answer.contributions.append(&mut contributions);
            if answer.contributions.len() == page.limit && (told < all || listed.peek().is_some()) {
                let cursor = ContributionCursor { at: self.position, subject: one.key(), told };
                answer.next_cursor = Some(cursor.to_string());
                break;
            }
        }
        Ok(Some(answer))
    }

    /// What each fact of a subject does, the subject folded again from them.
    fn contributions(
        &self,
        tally: &FigureTally,
        subject: &CountedSubject,
        zeros: bool,
    ) -> Result<Vec<Contribution>, FoldError> {
        let name = subject.id.name(&self.tenant);
        if let Some(moves) = tally.moves(&self.tenant, subject.id, zeros) {
            let mut found = Vec::new();
            for (position, step) in moves.into_iter().filter(|(_, step)| step.delta != 0 || zeros) {
                if let Some(read) = self.read(position, &name)? {
                    let read = ReadFact { place: subject.place as usize, ..read };
                    let delta = as_json(step.delta).as_i64();
                    found.push(Contribution { delta, ..read.told(step.reason, false) });
                }
            }
            return Ok(found);
        }
        let mut refold = Refold::new(tally, &self.tenant.profile.timeline);
        let mut found = Vec::new();
        for position in subject.id.facts(&self.tenant) {
            let Some(read) = self.read(position, &name)? else { continue };
            let moved = refold.step(&read.decoded.recorded());
            if moved != 0 || zeros {
                let reason = refold.reason(&read.decoded.recorded());
                let delta = as_json(moved).as_i64();
                found.push(Contribution { delta, ..read.told(reason, false) });
            }
        }
        Ok(found)
    }

    /// What each fact of its subject made of a state.
    fn state(
        &self,
        question: &Question,
        subject: &StateSubject,
        page: &ContributionPage,
        now: Instant,
        answer: &mut Explanation,
    ) -> Result<(), FoldError> {
        if !page.counted {
            return self.voided_of_state(subject, page, answer);
        }
        let (name, facts) = (subject.name(&self.tenant), subject.facts(&self.tenant));
        let first = facts.first().copied().unwrap_or_default();
        let begin = page.after.map_or(0, |after| after.told);
        answer.contributing_subjects = usize::from(!facts.is_empty());
        let mut refold = StateRefold::new(question, &self.tenant.profile.timeline, now);
        let mut told = 0;
        for position in facts {
            let Some(read) = self.read(position, &name)? else { continue };
            let (before, after) = refold.step(&read.decoded.recorded());
            let code = if before == after { "no_change" } else { COUNTS };
            if before == after && !page.zeros {
                continue;
            }
            if told >= begin && answer.contributions.len() == page.limit {
                let cursor = ContributionCursor { at: self.position, subject: (first, 0), told };
                answer.next_cursor = Some(cursor.to_string());
                break;
            }
            told += 1;
            if told > begin {
                let reason = NotCounted { code, ..NotCounted::default() };
                let told = read.told(reason, false);
                let (before, after) = (Some(before), Some(after));
                answer.contributions.push(Contribution { delta: None, before, after, ..told });
            }
        }
        Ok(())
    }

    /// The last fact of a subject that does not count, and why.
    fn not_counted(
        &self,
        tally: &FigureTally,
        subject: &CountedSubject,
    ) -> Result<Option<Contribution>, FoldError> {
        let name = subject.id.name(&self.tenant);
        let last = subject.id.facts(&self.tenant).last().copied().unwrap_or(subject.first);
        let why = tally.why_not(&self.tenant, subject.id);
        let told = |read| ReadFact { place: subject.place as usize, ..read }.told(why, true);
        Ok(self.read(last, &name)?.map(told))
    }

    /// What the fact at `position` does to every figure; none where it is no fact of the tenant. Reads files.
    ///
    /// # Errors
    /// What the log cannot read.
    pub fn verdict(&self, position: Position, now: Instant) -> Result<Option<FactVerdict>, FoldError> {
        let is_own = self.log.view(position, |record| record.header.tenant == self.tenant_id.as_str())?;
        let Some(read) = self.read(position, "")?.filter(|_| is_own == Some(true)) else { return Ok(None) };
        let fact = &read.decoded.fact;
        let voided_by = self.tenant.voids.rows.of(position).voided_by;
        let touched = match voided_by {
            Some(_) => TouchedSubjects::default(),
            None => TouchedSubjects::of(&self.tenant, &read.decoded.recorded()),
        };
        let facts = touched.facts(&self.tenant);
        let is_known = position <= self.position;
        let mut figures = Vec::new();
        for subject in &touched.counted {
            if let SubjectId::Record(_) = subject {
                continue;
            }
            let read = self.read_all(&subject.facts(&self.tenant))?;
            let recorded: Vec<_> = read.iter().map(|read| read.decoded.recorded()).collect();
            figures.extend(verdict::of_subject(&self.tenant, *subject, &recorded, position));
        }
        figures.extend(verdict::of_records(&self.tenant, &touched.counted));
        for (state, subject) in touched.states.iter().zip(touched.state_subjects()) {
            let read = self.read_all(&subject.facts(&self.tenant))?;
            let recorded: Vec<_> = read.iter().map(|read| read.decoded.recorded()).collect();
            figures.extend(verdict::of_state(&self.tenant, state, &recorded, position, now));
        }
        figures.extend(verdict::of_the_rest(&figures, fact, is_known, voided_by));
        let subject = fact.subject(&|_| PersonDigest::default());
        let facts = if facts.is_empty() { vec![position] } else { facts };
        let replaced_by = read.replaced_by;
        Ok(Some(FactVerdict { position, subject, kind: read.kind, replaced_by, facts, figures }))
    }

    fn read_all(&self, positions: &[Position]) -> Result<Vec<ReadFact>, FoldError> {
        let read = positions.iter().map(|position| self.read(*position, ""));
        Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// The fact at `position`, with the content that stands there.
    fn read(&self, position: Position, subject: &str) -> Result<Option<ReadFact>, FoldError> {
        let read = self.log.view(position, |record| -> Result<ReadFact, FoldError> {
            let header = &record.header;
            Ok(ReadFact {
                provider: header.provider.to_owned(),
                external_id: header.external_id.to_owned(),
                kind: kind_name(header.kind).unwrap_or("unknown"),
                subject: subject.to_owned(),
                place: 0,
                decoded: Decoded::of(position, &record)?,
                replaced_by: None,
            })
        })?;
        let Some(mut read) = read.transpose()? else { return Ok(None) };
        let over = self.replacements.get(&position).into_iter().flatten();
        if let Some(accepted_at) = over.copied().filter(|at| *at <= self.position).max()
            && let Some(stands) = standing(&self.log, self.tenant_id.as_str(), position, accepted_at)?
        {
            read.decoded = stands;
            read.replaced_by = Some(accepted_at);
        }
        Ok(Some(read))
    }
}

/// A fact with what names it.
struct ReadFact {
    provider: String,
    external_id: String,
    kind: &'static str,
    subject: String,
    /// Of a part of a snapshot: which of its records is meant, from 0.
    place: usize,
    decoded: Decoded,
    replaced_by: Option<Position>,
}

impl ReadFact {
    fn told(self, why: NotCounted, in_words: bool) -> Contribution {
        let NotCounted { code, reason, fell_in, decided_by } = why;
        Contribution {
            position: self.decoded.position,
            kind: self.kind,
            provider: self.provider,
            external_id: self.external_id,
            subject: self.subject,
            who: self.decoded.fact.who(self.place),
            occurred_at: self.decoded.occurred_at.to_string(),
            recorded_at: self.decoded.recorded_at.to_string(),
            delta: Some(0),
            before: None,
            after: None,
            reason: if in_words { reason } else { code.to_owned() },
            code: Some(code).filter(|code| in_words || *code != COUNTS),
            fell_in,
            decided_by,
            replaced_by: self.replaced_by,
        }
    }
}
