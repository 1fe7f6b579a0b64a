//! One call, folded from its facts in any order (A3, A4; PRODUCT "Folding one call"; RULINGS Calls).

mod told;

use domain::facts::call::{CallFact, CallReported, CallStatus, Direction};
use domain::facts::tenant::CountedDirection;
use domain::members::{Email, Instant, Phone, Text};
use domain::rules::configuration::{Configuration, Timeline};
use domain::rules::outcomes::Outcome;
use domain::rules::qualification::{Reason, Verdict, qualify};

use crate::entities::calls::leg::{CallLeg, Moments, known, spoken};
use crate::entities::calls::recording::Recording;
use crate::figures::{Amount, CellSpan, Measure, Share};
use crate::store::{Chain, Latest, Strings, Symbol, heap_size};
use crate::{Order, Recorded};

/// Members of `CallRow::told`: from reported and placed facts. Each is one more than its value, 0 is "not given".
const AGENT: usize = 0;
const FROM: usize = 1;
const TO: usize = 2;
const DIRECTION: usize = 3;
const MACHINE: usize = 4;
const DURATION: usize = 5;
/// Members of `CallRow::shared`, from all kinds, and of `CallRow::disposed`.
const LEAD: usize = 0;
const SESSION: usize = 1;
const OUTCOME: usize = 0;
const DISPOSER: usize = 1;

/// A status with what orders it: the call's own facts before its legs', then the furthest status, then the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct StatusClaim {
    own: bool,
    rank: u8,
    order: Order,
    status: CallStatus,
}

/// What only few calls have, so that the others do not pay for it.
#[derive(Debug, Clone, Default)]
struct CallExtras {
    /// Source and campaign.
    from_where: Latest<u32, 2>,
    legs: Vec<CallLeg>,
    recordings: Vec<Recording>,
}

heap_size!(CallExtras { from_where, legs, recordings });

/// A call.
#[derive(Debug, Clone)]
pub struct CallRow {
    /// Its id.
    pub id: Symbol,
    reported: bool,
    answered: bool,
    starts_known: bool,
    begun: Instant,
    latest_status: Option<StatusClaim>,
    told: Latest<u32, 6>,
    shared: Latest<u32, 2>,
    disposed: Option<Box<Latest<u32, 2>>>,
    moments: Moments,
    extras: Option<Box<CallExtras>>,
    facts: Chain,
}

heap_size!(CallRow {
    told, shared, disposed, moments, extras, facts;
    id, reported, answered, starts_known, begun, latest_status
});

impl CallRow {
    /// A call of which nothing is known yet.
    pub fn new(id: Symbol) -> Self {
        Self {
            id,
            reported: false,
            answered: false,
            starts_known: false,
            begun: Instant(i64::MAX),
            latest_status: None,
            told: Latest::default(),
            shared: Latest::default(),
            disposed: None,
            moments: None,
            extras: None,
            facts: Chain::default(),
        }
    }

    /// Folds one fact of the call or of one of its legs.
    pub fn fold(&mut self, recorded: &Recorded<'_>, fact: &CallFact, strings: &mut Strings) {
        let rank = match fact {
            CallFact::Reported(body) => body.status.rank(),
            CallFact::Disposed(_) | CallFact::Recorded(_) | CallFact::Placed(_) => 0,
        };
        let order = Order::new(recorded.occurred_at, rank, &recorded.content);
        self.facts.push(recorded.position);
        let (lead, session) = match fact {
            CallFact::Reported(body) => {
                self.report(recorded.occurred_at, order, body, strings);
                (&body.lead_id, &body.session_id)
            }
            CallFact::Disposed(body) => {
                self.begin(false, recorded.occurred_at);
                let given = [body.outcome as u32 + 1, name(&body.agent, strings)];
                self.disposed.get_or_insert_default().give(order, given);
                (&body.lead_id, &body.session_id)
            }
            CallFact::Recorded(body) => {
                self.begin(false, recorded.occurred_at);
                let recording = Recording {
                    id: strings.intern(body.recording_id.as_str()),
                    position: recorded.content_at,
                    order,
                    duration: body.duration_seconds.map(|seconds| (order, seconds)),
                };
                self.record(recording);
                (&body.lead_id, &None)
            }
            CallFact::Placed(body) => {
                self.begin(false, recorded.occurred_at);
                let given = [
                    name(&body.agent, strings),
                    phone(&body.from, strings),
                    phone(&body.to, strings),
                    0,
                    0,
                    0,
                ];
                self.told.give(order, given);
                (&body.lead_id, &body.session_id)
            }
        };
        self.shared.give(order, [text(lead, strings), text(session, strings)]);
    }

    fn report(&mut self, at: Instant, order: Order, body: &CallReported, strings: &mut Strings) {
        let own = body.parent_call_id.as_ref().is_none_or(|parent| *parent == body.call_id);
        self.reported = true;
        let latest_status = StatusClaim { own, rank: body.status.rank(), order, status: body.status };
        self.latest_status = self.latest_status.max(Some(latest_status));
        self.begin(false, at);
        if let Some(started) = body.started_at {
            self.begin(own, started);
        }
        let mut given = [0; 6];
        given[AGENT] = name(&body.agent, strings);
        given[MACHINE] = body.answered_by.as_ref().map_or(0, |by| 1 + u32::from(is_machine(by.as_str())));
        let moment = |at: Option<Instant>| at.map_or(0, |at| at.0 as u64 + 1);
        let both = [moment(body.answered_at), moment(body.ended_at)];
        let mut moments = [both[0], 0];
        if own {
            self.answered |= body.answered == Some(true);
            given[FROM] = phone(&body.from, strings);
            given[TO] = phone(&body.to, strings);
            given[DIRECTION] = body.direction.map_or(0, |direction| direction as u32 + 1);
            given[DURATION] = body.duration_seconds.map_or(0, |seconds| seconds.saturating_add(1));
            moments = both;
            let from_where = [text(&body.source, strings), text(&body.campaign, strings)];
            if from_where != [0; 2] {
                self.extras.get_or_insert_default().from_where.give(order, from_where);
            }
        } else {
            self.fold_leg(order, body, both, strings);
        }
        self.told.give(order, given);
        if moments != [0; 2] {
            self.moments.get_or_insert_default().give(order, moments);
        }
    }

    /// Of a leg only answer, duration and agent count for the call: who called whom, and when, is another matter.
    fn fold_leg(&mut self, order: Order, body: &CallReported, moments: [u64; 2], strings: &mut Strings) {
        let id = strings.intern(body.call_id.as_str());
        let legs = &mut self.extras.get_or_insert_default().legs;
        let at = legs.iter().position(|leg| leg.id == id).unwrap_or_else(|| {
            legs.push(CallLeg { id, answered: false, duration: None, moments: None });
            legs.len() - 1
        });
        legs[at].answered |= body.answered == Some(true);
        legs[at].duration = legs[at].duration.max(body.duration_seconds.map(|seconds| (order, seconds)));
        if moments != [0; 2] {
            legs[at].moments.get_or_insert_default().give(order, moments);
        }
    }

    fn record(&mut self, recording: Recording) {
        let recordings = &mut self.extras.get_or_insert_default().recordings;
        match recordings.iter_mut().find(|known| known.id == recording.id) {
            None => recordings.push(recording),
            Some(known) => {
                known.duration = known.duration.max(recording.duration);
                if recording.order > known.order {
                    (known.order, known.position) = (recording.order, recording.position);
                }
            }
        }
    }

    /// The earliest known start of the call itself, else the earliest that anything is known of.
    fn begin(&mut self, starts: bool, at: Instant) {
        if starts && !self.starts_known {
            (self.starts_known, self.begun) = (true, at);
        } else if starts == self.starts_known {
            self.begun = self.begun.min(at);
        }
    }

    /// When it began: its place among days and in lists.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Whether the provider told of it.
    pub fn is_reported(&self) -> bool {
        self.reported
    }

    /// Whether it counts as a call: reported or disposed, not only placed or recorded.
    pub fn exists(&self) -> bool {
        self.reported || self.disposed.is_some()
    }

    fn legs(&self) -> &[CallLeg] {
        self.extras.as_ref().map_or(&[], |extras| &extras.legs)
    }

    /// Whether somebody answered: a leg, where it has legs.
    pub fn answered(&self) -> bool {
        if self.legs().is_empty() { self.answered } else { self.legs().iter().any(|leg| leg.answered) }
    }

    /// Whole seconds: the answered leg's latest, where it has legs. Of what was answered, and for how long nobody says,
    /// the time from answer to end (RULINGS).
    pub fn duration_seconds(&self) -> Option<u32> {
        let (legs, answered) = (self.legs(), self.answered());
        if legs.is_empty() {
            let told = self.told.get(DURATION).checked_sub(1);
            return told.or_else(|| spoken(self.moments()).filter(|_| answered));
        }
        let legs = || legs.iter().filter(|leg| leg.answered == answered);
        let told = legs().filter_map(|leg| leg.duration).max().map(|(_, seconds)| seconds);
        told.or_else(|| legs().filter_map(|leg| spoken(known(&leg.moments))).max().filter(|_| answered))
    }

    /// The provider's last word.
    pub fn status(&self) -> Option<CallStatus> {
        self.latest_status.map(|latest_status| latest_status.status)
    }

    /// Who called whom.
    pub fn direction(&self) -> Option<Direction> {
        Direction::ALL.get((self.told.get(DIRECTION) as usize).checked_sub(1)?).copied()
    }

    /// Whose it is: by the latest report or placing, else by the disposition.
    pub fn agent(&self) -> Option<Symbol> {
        let disposer = || Symbol::numbered(self.disposed.as_ref()?.get(DISPOSER));
        Symbol::numbered(self.told.get(AGENT)).or_else(disposer)
    }

    /// The caller, where known and not erased.
    pub fn from(&self) -> Option<Symbol> {
        Symbol::numbered(self.told.get(FROM))
    }

    /// The called, where known and not erased.
    pub fn to(&self) -> Option<Symbol> {
        Symbol::numbered(self.told.get(TO))
    }

    /// Source and campaign, in the provider's words.
    pub fn from_where(&self) -> [Option<Symbol>; 2] {
        let told = self.extras.as_ref().map(|extras| &extras.from_where);
        [0, 1].map(|at| told.and_then(|told| Symbol::numbered(told.get(at))))
    }

    /// The lead.
    pub fn lead(&self) -> Option<Symbol> {
        Symbol::numbered(self.shared.get(LEAD))
    }

    /// The dialer session.
    pub fn session(&self) -> Option<Symbol> {
        Symbol::numbered(self.shared.get(SESSION))
    }

    /// Session and lead of a call that nobody disposed: an attempt of theirs may lend it its outcome.
    pub fn undisposed(&self) -> Option<(Symbol, Symbol)> {
        if self.disposed.is_some() {
            return None;
        }
        self.session().zip(self.lead())
    }

    /// The last disposition, else what an attempt has `lent`; a machine is voicemail until a person says otherwise.
    pub fn outcome(&self, lent: Option<Outcome>) -> Option<Outcome> {
        let disposed = self.disposed.as_ref().and_then(|disposed| disposed.get(OUTCOME).checked_sub(1));
        match disposed {
            Some(outcome) => Outcome::ALL.get(outcome as usize).copied(),
            None => lent.or((self.told.get(MACHINE) == 2).then_some(Outcome::Voicemail)),
        }
    }

    /// When it was answered and when it ended.
    pub fn moments(&self) -> [Option<Instant>; 2] {
        known(&self.moments)
    }

    /// Its recordings, in no order that can be served.
    pub fn recordings(&self) -> &[Recording] {
        self.extras.as_ref().map_or(&[], |extras| &extras.recordings)
    }

    /// The facts that made it.
    pub fn facts(&self) -> &Chain {
        &self.facts
    }

    /// Whether it is qualified under `configuration`, and why (A4).
    pub fn verdict(&self, configuration: &Configuration) -> (Verdict, Reason) {
        qualify(self.answered(), self.duration_seconds(), configuration.qualified_min_seconds)
    }

    /// What it adds to the figures. Answered and qualified count the configured directions, calls and talk time
    /// all of them, for the tenant and by agent alike, so that the agents' rows sum to the tenant's.
    pub fn share(&self, lent: Option<Outcome>, timeline: &Timeline) -> Option<Share> {
        if !self.exists() {
            return None;
        }
        let (configuration, day) = timeline.at(self.begun);
        let counted = configuration.counts(self.direction());
        let answered = self.answered();
        let qualifies = self.verdict(configuration).0 == Verdict::Qualified;
        let qualified = counted && qualifies;
        let seconds = self.duration_seconds();
        let talked = if answered { seconds.unwrap_or(0) } else { 0 };
        let outcome = self.outcome(lent);
        let last = (Measure::Outcome(outcome.unwrap_or(Outcome::Skipped)), i64::from(outcome.is_some()));
        let amounts = [
            (Measure::Calls, 1),
            (Measure::Answered, i64::from(counted && answered)),
            (Measure::Qualified, i64::from(qualified)),
            (Measure::TalkSeconds, i64::from(talked)),
            (Measure::KnownSeconds, i64::from(seconds.unwrap_or(0))),
            (Measure::KnownDurations, i64::from(seconds.is_some())),
            last,
            (Measure::CountedCalls, i64::from(counted)),
            (Measure::AnsweredOfAll, i64::from(answered)),
            (Measure::QualifiedOfAll, i64::from(qualifies)),
        ];
        let direction = CountedDirection::of(self.direction());
        let amount = Amount::Call { agent: self.agent(), direction, amounts };
        Some(Share { span: CellSpan::Day(day), amount })
    }

    /// Replaces its symbols by those of another table.
    pub fn translate(&mut self, mut symbol: impl FnMut(Symbol) -> Symbol) {
        self.id = symbol(self.id);
        let mut number = |value: u32| Symbol::numbered(value).map_or(0, |own| symbol(own).number());
        self.told.map(|at, value| if at <= TO { number(value) } else { value });
        self.shared.map(|_, value| number(value));
        if let Some(disposed) = &mut self.disposed {
            disposed.map(|at, value| if at == DISPOSER { number(value) } else { value });
        }
        if let Some(extras) = &mut self.extras {
            extras.from_where.map(|_, value| number(value));
            extras.legs.iter_mut().for_each(|leg| leg.id = symbol(leg.id));
            extras.recordings.iter_mut().for_each(|recording| recording.id = symbol(recording.id));
        }
    }
}

/// Twilio says `machine_start`, `machine_end_beep`, …; others `machine` or `Machine`.
fn is_machine(answered_by: &str) -> bool {
    answered_by.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("machine"))
}

fn number(text: Option<&str>, strings: &mut Strings) -> u32 {
    text.map_or(0, |text| strings.intern(text).number())
}

fn name(email: &Option<Email>, strings: &mut Strings) -> u32 {
    number(email.as_ref().map(Email::as_str), strings)
}

fn phone(phone: &Option<Phone>, strings: &mut Strings) -> u32 {
    number(phone.as_ref().map(Phone::as_str), strings)
}

fn text(text: &Option<Text>, strings: &mut Strings) -> u32 {
    number(text.as_ref().map(Text::as_str), strings)
}
