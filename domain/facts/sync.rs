//! Facts of the pull side: a run began, a run ended, a part of a snapshot was taken; what a source is known to hold
//! completely, and what nobody delivered of it.

use crate::codec::PersonHasher;
use crate::facts::{Subject, part};
use crate::json::Reader;
use crate::members::{Currency, Email, Instant, LongText, Percent, Phone, Text};
use crate::{body, group, words};

words! {
    /// Where a run stands.
    RunStatus { Success = "success", Failed = "failed", Running = "running" }
}

words! {
    /// What a snapshot is of.
    Resource {
        Leads = "leads",
        Opportunities = "opportunities",
        Notes = "notes",
        Activities = "activities",
        SalesCycles = "sales_cycles",
    }
}

body! {
    /// `sync_started`: a run began.
    SyncStarted {
        public {
            /// The run.
            required run_id: Text;
            /// What is read, e.g. `clienttether`.
            required source: Text;
            /// Where it stands, `running`.
            optional status: RunStatus;
            /// Added, changed and removed so far.
            optional records_updated: u64;
            /// What went wrong before it began.
            optional error: LongText;
        }
    }
}

body! {
    /// `sync_finished`: a run ended.
    SyncFinished {
        public {
            /// The run.
            required run_id: Text;
            /// What was read.
            required source: Text;
            /// How it ended; success means every page came (B4).
            optional status: RunStatus;
            /// Added, changed and removed.
            optional records_updated: u64;
            /// What went wrong.
            optional error: LongText;
        }
        /// `status` must not be `running`.
        check is_over(status);
    }
}

impl SyncFinished {
    fn is_over(at: &mut Reader<'_>, status: &Option<RunStatus>) {
        if *status == Some(RunStatus::Running) {
            at.fault_at("status", "must be one of success failed: the run has ended");
        }
    }
}

body! {
    /// One normalised CRM record; which members are given depends on the resource.
    CrmRecord {
        public {
            /// The CRM's id.
            required id: Text;
            /// Lead source.
            optional source: Text;
            /// Stage of the pipeline; a sales cycle's name.
            optional stage: Text;
            /// The CRM's contact type.
            optional contact_type: Text;
            /// Deal size, minor units.
            optional value_minor: i64;
            /// Its currency.
            optional currency: Currency;
            /// Units of the deal.
            optional units: u32;
            /// Place among the sales cycles.
            optional order: u32;
            /// Likelihood of a sales cycle to close.
            optional likelihood_percent: Percent;
            /// Whether a sales cycle is in use.
            optional active: bool;
            /// Kind of activity.
            optional activity_type: Text;
            /// Status of an activity.
            optional status: Text;
            /// When an activity is due.
            optional scheduled_at: Instant;
            /// Who wrote a note, or whom a contact is assigned to.
            optional author: Text;
            /// The CRM's id of the contact that a note or activity belongs to.
            optional contact: Text;
            /// When the CRM made it.
            optional created_at: Instant;
            /// When the CRM last changed it.
            optional modified_at: Instant;
        }
        personal {
            /// The contact's name.
            optional contact_name: Text;
            /// The contact's company.
            optional company: Text;
            /// The contact's address.
            optional email: Email;
            /// The contact's number.
            optional phone: Phone;
            /// A note's text or an activity's description.
            optional content: LongText;
        }
    }
}

body! {
    /// `snapshot_taken`: one part of what a source held; counts when all parts and a successful end are in.
    SnapshotTaken {
        public {
            /// The run.
            required run_id: Text;
            /// What was read.
            required source: Text;
            /// What the records are.
            required resource: Resource;
            /// When the source was read.
            required observed_at: Instant;
            /// This part, from 1.
            required part: u32;
            /// How many parts there are.
            required parts: u32;
            /// The run whose snapshot this one changes; absent for a whole one.
            optional base: Text;
            /// The contact whose records alone were read, by the CRM's id; absent where all were.
            optional contact: Text;
            /// Ids gone since `base`.
            list removed: Text;
        }
        rows {
            /// The records.
            records: CrmRecord;
        }
        /// `part` is from 1 to `parts`; at most 500 `records`.
        check is_a_part(part, parts, records);
    }
}

impl SnapshotTaken {
    /// Most records of one part (RULINGS, Snapshots).
    pub const RECORDS_MAX: usize = 500;

    fn is_a_part(at: &mut Reader<'_>, part: &Option<u32>, parts: &Option<u32>, records: &[CrmRecord]) {
        let is_beyond = |part: u32| part == 0 || parts.is_some_and(|parts| part > parts);
        if part.is_some_and(is_beyond) {
            at.fault_at("part", "must be an integer from 1 to parts");
        }
        if records.len() > Self::RECORDS_MAX {
            at.fault_at("records", "must be an array of at most 500 objects");
        }
    }
}

words! {
    /// What closes a difference.
    Closing {
        /// The run itself: it recorded what was missing.
        Run = "run",
        /// A person: the source does not list what it once delivered.
        Person = "person",
    }
}

body! {
    /// `difference_observed`: a source's own list, read whole, is not what was delivered (E9).
    DifferenceObserved {
        public {
            /// The run that read the list.
            required run_id: Text;
            /// What was read.
            required source: Text;
            /// First instant of what is compared.
            required from: Instant;
            /// Its end, itself not compared.
            required to: Instant;
            /// Records of the source's list.
            required listed: u64;
            /// Those of them that were known here before the run.
            required known: u64;
            /// The others: nobody had delivered them.
            required missing: u64;
            /// Records known here that the list does not have.
            required unlisted: u64;
            /// What closes it.
            required closing: Closing;
            /// Ids of the missing ones, the first hundred.
            list missing_ids: Text;
            /// Ids of the unlisted ones, the first hundred.
            list unlisted_ids: Text;
        }
    }
}

body! {
    /// `coverage_observed`: everything that a source holds of a span is known (E9).
    CoverageObserved {
        public {
            /// The run that read it.
            required run_id: Text;
            /// What was read.
            required source: Text;
            /// First instant of the span.
            required complete_from: Instant;
            /// Its end.
            required complete_through: Instant;
        }
    }
}

group! {
    /// Facts of the pull side.
    SyncFact = 5 {
        1 "sync_started" Started(SyncStarted),
        2 "sync_finished" Finished(SyncFinished),
        3 "snapshot_taken" Snapshot(SnapshotTaken),
        4 "difference_observed" Difference(DifferenceObserved),
        5 "coverage_observed" Coverage(CoverageObserved),
    }
}

impl Subject for SyncFact {
    fn subject(&self, _person: PersonHasher<'_>) -> String {
        let (source, run) = match self {
            Self::Started(body) => (&body.source, &body.run_id),
            Self::Finished(body) => (&body.source, &body.run_id),
            Self::Snapshot(body) => (&body.source, &body.run_id),
            Self::Difference(body) => (&body.source, &body.run_id),
            Self::Coverage(body) => (&body.source, &body.run_id),
        };
        format!("run/{}/{run}", part(source.as_str()))
    }
}
