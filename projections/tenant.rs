//! All read models of one tenant, at one position (I6), and the table of them.

use std::sync::Arc;

use domain::facts::Fact;
use domain::facts::tenant::{TenantConfigured, TenantFact};
use domain::keys::Position;
use domain::members::{Instant, Text};
use domain::rules::configuration::Timeline;

use crate::Recorded;
use crate::canonical::{Canonical, Digest};
use crate::entities::alerts::Alerts;
use crate::entities::call_requests::CallRequests;
use crate::entities::calls::Calls;
use crate::entities::conflicts::Conflicts;
use crate::entities::crm::Crm;
use crate::entities::leads::Leads;
use crate::entities::notes::Notes;
use crate::entities::quarantine::Quarantine;
use crate::entities::reports::Reports;
use crate::entities::sender_accounts::SenderAccounts;
use crate::entities::sessions::Sessions;
use crate::entities::spend::Spend;
use crate::entities::targets::Targets;
use crate::entities::voids::Voids;
use crate::entity::{Entity, Folded};
use crate::figures::Cells;
use crate::store::heap_size;
use crate::version;

/// Who the tenant is and which rules it has: folded before all others, for their figures follow its timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name as configured last.
    pub name: Option<Text>,
    /// Its configurations.
    pub timeline: Arc<Timeline>,
}

heap_size!(Profile { name, timeline });

impl Profile {
    /// The groups of kinds that it folds.
    pub const GROUPS: &'static [u8] = &[TenantFact::GROUP];

    /// Takes a configuration; other facts change nothing.
    pub fn fold(&mut self, recorded: &Recorded<'_>) {
        if let Fact::Tenant(TenantFact::Configured(body)) = recorded.fact {
            self.configure(recorded.position, recorded.recorded_at, body);
        }
    }

    fn configure(&mut self, position: Position, recorded_at: Instant, body: &TenantConfigured) {
        self.name = Some(body.name.clone());
        Arc::make_mut(&mut self.timeline).push(position, recorded_at, body);
    }

    fn digest(&self, tenant: &str) -> Digest {
        let mut digest = Digest::default();
        if let Some(name) = &self.name {
            let mut row = Canonical::default();
            row.start(tenant);
            row.text(Some(name.as_str()));
            self.timeline.all().iter().for_each(|rules| row.configuration(rules));
            digest.add(row.bytes());
        }
        digest
    }
}

/// An entity of the table, as whoever folds it apart knows it.
#[derive(Debug)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// The groups of kinds that it folds.
    pub groups: &'static [u8],
    /// Whether a long lane is folded in shards.
    pub sharded: bool,
    empty: fn() -> Part,
}

impl Model {
    /// A part of it without rows.
    pub fn part(&self) -> Part {
        (self.empty)()
    }
}

/// Makes all that must know every entity out of one table: a line is the field's name and the entity.
macro_rules! entities {
    ($($(#[$doc:meta])* $field:ident: $entity:ident,)+) => {
        /// All read models of one tenant.
        #[derive(Debug, Clone, Default)]
        pub struct Tenant {
            /// Who it is and which rules it has.
            pub profile: Profile,
            $($(#[$doc])* pub $field: Folded<$entity>,)+
        }

        heap_size!(Tenant { profile, $($field),+ });

        /// Every entity, in the order of the table.
        pub const ENTITIES: &[Model] = &[$(Model {
            name: $entity::NAME,
            groups: $entity::GROUPS,
            sharded: $entity::SHARDED,
            empty: || Part::$entity(Box::default()),
        }),+];

        /// The models by name and version ([`version::of`]): tenants, every entity, and the cells of all of them.
        pub const MODELS: &[(&str, u32)] = &[
            ("tenants", version::of(1)),
            $(($entity::NAME, version::of($entity::VERSION)),)+
            ("month", version::of(2)),
        ];

        /// The rows of one entity, or of a shard of it, folded apart from the others.
        #[derive(Debug, Clone)]
        pub enum Part {
            $($(#[$doc])* $entity(Box<Folded<$entity>>),)+
        }

        impl Part {
            /// Folds the next fact of its lane.
            pub fn fold(&mut self, recorded: &Recorded<'_>) {
                match self { $(Self::$entity(part) => part.rows.fold(recorded),)+ }
            }

            /// Takes over a shard of the same entity.
            pub fn absorb(&mut self, shard: Self) {
                match (self, shard) {
                    $((Self::$entity(part), Self::$entity(shard)) => part.rows.absorb(shard.rows),)+
                    (part, shard) => debug_assert!(false, "{shard:?} is no shard of {part:?}"),
                }
            }

            /// Settles the rows and makes the figures that `timeline` makes of them.
            pub fn complete(&mut self, timeline: &Timeline) {
                match self { $(Self::$entity(part) => part.complete(timeline),)+ }
            }
        }

        /// What a new configuration makes of the rows there are; see [`Tenant::prepare`].
        #[derive(Debug)]
        pub struct Reconfigured {
            profile: Profile,
            $($field: <$entity as Entity>::Figures,)+
        }

        impl Tenant {
            /// Puts together what was folded apart; every part must be complete.
            pub fn assemble(profile: Profile, parts: impl IntoIterator<Item = Part>) -> Self {
                let mut tenant = Self { profile, ..Self::default() };
                for part in parts {
                    match part { $(Part::$entity(part) => tenant.$field = *part,)+ }
                }
                tenant
            }

            /// Folds the next fact.
            pub fn apply(&mut self, recorded: &Recorded<'_>) {
                if let Some(reconfigured) = self.prepare(recorded) {
                    self.reconfigure(reconfigured);
                }
                self.fold(recorded);
            }

            /// Folds the next fact into the rows of its entities; a tenant's own fact goes through
            /// [`Tenant::prepare`] and [`Tenant::reconfigure`] before.
            pub fn fold(&mut self, recorded: &Recorded<'_>) {
                let group = recorded.fact.tag().group;
                $(if $entity::GROUPS.contains(&group) {
                    self.$field.apply(recorded, &self.profile.timeline);
                })+
            }

            /// The long half of folding a configuration: every row's share anew. Changes nothing, so that readers
            /// go on.
            pub fn prepare(&self, recorded: &Recorded<'_>) -> Option<Reconfigured> {
                if !Profile::GROUPS.contains(&recorded.fact.tag().group) {
                    return None;
                }
                let mut profile = self.profile.clone();
                profile.fold(recorded);
                if profile == self.profile {
                    return None;
                }
                let timeline = &profile.timeline;
                $(let $field = self.$field.rows.figures(timeline);)+
                Some(Reconfigured { profile, $($field),+ })
            }

            /// The short half; nothing may have been folded since [`Tenant::prepare`].
            pub fn reconfigure(&mut self, reconfigured: Reconfigured) {
                self.profile = reconfigured.profile;
                $(self.$field.figures = reconfigured.$field;)+
            }

            /// The same rows under another timeline: every row's share anew. Changes nothing.
            pub fn under(&self, timeline: Arc<Timeline>) -> Self {
                Self {
                    $($field: Folded {
                        rows: self.$field.rows.clone(),
                        figures: self.$field.rows.figures(&timeline),
                    },)+
                    profile: Profile { name: self.profile.name.clone(), timeline },
                }
            }

            /// Folds the next fact into who the tenant is and one entity, by its number in the table.
            pub fn apply_to(&mut self, entity: usize, recorded: &Recorded<'_>) {
                if let Some(reconfigured) = self.prepare(recorded) {
                    self.reconfigure(reconfigured);
                }
                let group = recorded.fact.tag().group;
                let mut at = 0..;
                $(if at.next() == Some(entity) && $entity::GROUPS.contains(&group) {
                    self.$field.apply(recorded, &self.profile.timeline);
                })+
            }

            /// Exchanges rows and figures of one entity, by its number in the table, for those of another tenant.
            pub fn exchange(&mut self, entity: usize, other: &mut Self) {
                let mut at = 0..;
                $(if at.next() == Some(entity) {
                    std::mem::swap(&mut self.$field, &mut other.$field);
                })+
            }

            /// The digest of one entity's rows, by its number in the table, for the tenant of that id.
            pub fn digest_of(&self, entity: usize, tenant: &str) -> Digest {
                let (mut at, mut digest) = (0.., Digest::default());
                $(if at.next() == Some(entity) {
                    digest = self.$field.rows.digest(tenant);
                })+
                digest
            }

            /// The cells of each entity, in the order of the table.
            pub fn cells(&self) -> [Option<&Cells>; ENTITIES.len()] {
                [$(<$entity as Entity>::cells(&self.$field.figures)),+]
            }

            /// The digest of each of [`MODELS`] for the tenant of that id. Takes a while: of a clone, without a lock.
            pub fn digests(&self, tenant: &str) -> Vec<Digest> {
                let mut month = Digest::default();
                $(month.merge(self.$field.rows.digest_figures(tenant, &self.$field.figures));)+
                vec![self.profile.digest(tenant), $(self.$field.rows.digest(tenant),)+ month]
            }
        }
    };
}

entities! {
    /// The calls.
    calls: Calls,
    /// The leads of outreach.
    leads: Leads,
    /// The dialer sessions.
    sessions: Sessions,
    /// Keys that came with two contents.
    conflicts: Conflicts,
    /// Deliveries of which no fact could be made.
    quarantine: Quarantine,
    /// What people are to know.
    alerts: Alerts,
    /// The CRM's records and sync runs.
    crm: Crm,
    /// Notes that people wrote here.
    notes: Notes,
    /// Reports.
    reports: Reports,
    /// The accounts that outreach is sent from.
    sender_accounts: SenderAccounts,
    /// Ad spend.
    spend: Spend,
    /// Targets of months.
    targets: Targets,
    /// Requests to place calls.
    call_requests: CallRequests,
    /// Facts that count as if they had never come.
    voids: Voids,
}

/// Whether a model folds facts of `group`.
pub fn folds(group: u8) -> bool {
    Profile::GROUPS.contains(&group) || ENTITIES.iter().any(|entity| entity.groups.contains(&group))
}
