//! Alert targets: a fold of the control tenant's settings.

use std::collections::BTreeMap;

use domain::facts::Fact;
use domain::facts::setting::{AlertStyle, SettingFact};
use domain::keys::{Position, TenantId};
use domain::members::{Instant, Text};
use domain::rules::alerts::MailTopic;
use parking_lot::RwLock;

use crate::follow::{Batch, Checkpoint, Decoded, Fold, FoldError};
use crate::log::select::GroupSet;

/// A target of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertTarget {
    /// Its id.
    pub id: String,
    /// Format of the message.
    pub style: AlertStyle,
    /// Tenants whose alerts it gets; empty: every tenant's.
    pub tenants: Vec<String>,
    /// Rules whose alerts it gets; empty: every rule's.
    pub rules: Vec<String>,
    /// Where messages go; none once it is erased.
    pub url: Option<String>,
    /// When it was set.
    pub set_at: Instant,
    /// Where it was set; it gets alerts raised after this position.
    pub position: Position,
}

impl AlertTarget {
    /// Whether it gets alerts of this rule of this tenant.
    pub fn wants(&self, tenant: &str, rule: &str) -> bool {
        let every_rule = self.rules.is_empty();
        self.is_of(tenant) && (every_rule || self.rules.iter().any(|known| known == rule))
    }

    /// Whether it gets mails of this topic of this tenant: where its rules name it.
    pub fn wants_mail(&self, tenant: &str, topic: MailTopic) -> bool {
        let named = self.rules.iter().any(|known| known == topic.as_str());
        self.style == AlertStyle::Email && named && self.is_of(tenant)
    }

    fn is_of(&self, tenant: &str) -> bool {
        self.tenants.is_empty() || self.tenants.iter().any(|known| known == tenant)
    }
}

/// The targets at the folded position.
#[derive(Debug, Default)]
pub struct AlertTargets {
    by_id: RwLock<BTreeMap<String, AlertTarget>>,
    checkpoint: Checkpoint,
}

impl AlertTargets {
    /// Every target, in the order they were set.
    pub fn all(&self) -> Vec<AlertTarget> {
        let mut all: Vec<AlertTarget> = self.by_id.read().values().cloned().collect();
        all.sort_unstable_by_key(|target| target.position);
        all
    }

    fn apply_setting(&self, decoded: &Decoded) {
        let texts = |list: &[Text]| list.iter().map(Text::to_string).collect();
        match &decoded.fact {
            Fact::Setting(SettingFact::AlertTargetSet(body)) => {
                let target = AlertTarget {
                    id: body.target_id.to_string(),
                    style: body.style,
                    tenants: texts(&body.tenants),
                    rules: texts(&body.rules),
                    url: body.url.as_ref().map(|url| url.to_string()),
                    set_at: decoded.recorded_at,
                    position: decoded.position,
                };
                self.by_id.write().insert(target.id.clone(), target);
            }
            Fact::Setting(SettingFact::AlertTargetRemoved(body)) => {
                self.by_id.write().remove(body.target_id.as_str());
            }
            _ => {}
        }
    }
}

impl Fold for AlertTargets {
    fn groups(&self) -> GroupSet {
        GroupSet::NONE.with(SettingFact::GROUP)
    }

    fn apply(&self, batch: &Batch<'_>) -> Result<(), FoldError> {
        let control = batch.entries.iter().filter(|entry| entry.tenant == TenantId::CONTROL);
        control.filter_map(|entry| entry.decoded.as_ref()).for_each(|decoded| self.apply_setting(decoded));
        self.checkpoint.advance(batch.last);
        Ok(())
    }

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}
