//! What happens to nodes and servers in one round, and how it is mended.

use std::sync::Arc;
use std::time::Duration;

use super::nodes::Nodes;
use crate::common::random::Random;
use crate::common::servers::machines::Machines;
use crate::common::servers::nats::NatsCluster;

/// The streams of the log.
pub const STREAMS: [&str; 2] = ["FACTFOLD", "FACTFOLD-blobs"];

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// One machine and the others hear nothing of each other.
    Isolated,
    /// The others do not hear one machine.
    Mute,
    /// One machine does not hear the others.
    Deaf,
    /// One machine is cut off and back, again and again.
    Flapping,
    /// Two machines hear nothing of each other, and the third hears both.
    Between,
    /// One after another: a machine that the others do not hear, one that does not hear them, one that flaps, and each machine
    /// alone.
    PartitionsInARow,
    /// A server stands still.
    ServerPaused,
    /// A server is killed.
    ServerKilled,
    /// All servers are.
    ServersKilled,
    /// A node stands still.
    NodePaused,
    /// A node is killed.
    NodeKilled,
    /// All nodes are.
    NodesKilled,
    /// A server and the node beside it are killed.
    MachineKilled,
    /// Leaders step down, one after another.
    StepDowns,
    /// Servers and nodes are restarted one by one.
    OneByOne,
    /// A server's disk is full.
    DiskFull,
    /// A bit of the stream is another on one server's disk.
    BlockFlipped,
    /// A bit of what the servers know of streams is another on one server's disk.
    SystemFlipped,
    /// The stream is deleted while nodes write.
    StreamDeleted,
}

impl Fault {
    pub const ALL: [Self; 19] = [
        Self::Isolated,
        Self::Mute,
        Self::Deaf,
        Self::Flapping,
        Self::Between,
        Self::PartitionsInARow,
        Self::ServerPaused,
        Self::ServerKilled,
        Self::ServersKilled,
        Self::NodePaused,
        Self::NodeKilled,
        Self::NodesKilled,
        Self::MachineKilled,
        Self::StepDowns,
        Self::OneByOne,
        Self::DiskFull,
        Self::BlockFlipped,
        Self::SystemFlipped,
        Self::StreamDeleted,
    ];

    /// Whether the engine may have lost what it acknowledged: then it is made anew from a journal.
    pub fn may_lose_the_stream(self) -> bool {
        matches!(self, Self::BlockFlipped | Self::SystemFlipped | Self::StreamDeleted)
    }
}

/// The engine's servers and the nodes of a round.
pub struct Ring<'r> {
    pub machines: &'r Arc<Machines>,
    pub cluster: &'r mut NatsCluster,
    pub nodes: &'r Arc<Nodes>,
}

async fn rest(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

impl Ring<'_> {
    /// Lets it happen to machine `nth`, and mends what a machine's owner would.
    pub async fn strike(&mut self, fault: Fault, nth: usize, random: &mut Random) {
        let lasts = 1_000 + random.below(6_000);
        match fault {
            Fault::Isolated => self.cut_for(lasts, |machines| machines.isolate(nth)).await,
            Fault::Mute => self.cut_for(lasts, |machines| machines.mute(nth)).await,
            Fault::Deaf => self.cut_for(lasts, |machines| machines.deafen(nth)).await,
            Fault::Flapping => {
                for _ in 0..6 {
                    self.cut_for(200 + random.below(600), |machines| machines.isolate(nth)).await;
                    rest(100 + random.below(500)).await;
                }
            }
            Fault::Between => {
                let other = (nth + 1) % 3;
                self.cut_for(lasts, |machines| {
                    machines.cut(nth, other);
                    machines.cut(other, nth);
                })
                .await;
            }
            Fault::PartitionsInARow => {
                self.cut_for(1_500, |machines| machines.mute(nth)).await;
                self.cut_for(1_500, |machines| machines.deafen((nth + 1) % 3)).await;
                for _ in 0..4 {
                    self.cut_for(300, |machines| machines.isolate((nth + 2) % 3)).await;
                    rest(200).await;
                }
                for alone in 0..3 {
                    self.cut_for(1_200, |machines| machines.isolate(alone)).await;
                }
            }
            Fault::ServerPaused => {
                self.cluster.signal(nth, "STOP");
                rest(lasts).await;
                self.cluster.signal(nth, "CONT");
            }
            Fault::NodePaused => {
                if let Some(server) = self.nodes.server(nth).await {
                    server.signal("STOP");
                    rest(lasts).await;
                    server.signal("CONT");
                }
            }
            Fault::ServerKilled => self.without_server(nth, lasts).await,
            Fault::ServersKilled => {
                (0..3).for_each(|nth| self.cluster.kill(nth));
                rest(lasts / 4).await;
                (0..3).for_each(|nth| self.cluster.restart(nth));
            }
            Fault::NodeKilled => {
                self.nodes.kill(nth).await;
                rest(lasts / 4).await;
                self.nodes.restart(nth).await;
            }
            Fault::NodesKilled => {
                self.nodes.kill_all().await;
                self.nodes.start_all().await;
            }
            Fault::MachineKilled => {
                self.nodes.kill(nth).await;
                self.without_server(nth, lasts).await;
                self.cluster.await_leader();
                self.nodes.restart(nth).await;
            }
            Fault::StepDowns => {
                for turn in 0..5 {
                    self.cluster.step_down((nth + turn) % 3, STREAMS[0]);
                    rest(400).await;
                }
            }
            Fault::OneByOne => {
                for nth in 0..3 {
                    self.without_server(nth, 100).await;
                    self.cluster.await_leader();
                    if let Some(server) = self.nodes.server(nth).await {
                        server.stop();
                    }
                    self.nodes.kill(nth).await;
                    self.nodes.restart(nth).await;
                }
            }
            Fault::DiskFull => {
                self.cluster.fill_disk(nth, true);
                rest(lasts).await;
                self.cluster.fill_disk(nth, false);
                self.without_server(nth, 100).await;
            }
            Fault::BlockFlipped | Fault::SystemFlipped => {
                self.cluster.kill(nth);
                let is_block = fault == Fault::BlockFlipped;
                let file = self.cluster.flip_bit(nth, is_block, &mut |end| random.below(end));
                eprintln!("a bit of {file:?} is another");
                rest(200).await;
                self.cluster.restart(nth);
                rest(lasts).await;
            }
            Fault::StreamDeleted => {
                self.cluster.remove_streams(&STREAMS);
                rest(1_000).await;
            }
        }
        if fault != Fault::StreamDeleted {
            self.cluster.await_leader();
        }
    }

    async fn cut_for(&self, millis: u64, cut: impl FnOnce(&Machines)) {
        cut(self.machines);
        rest(millis).await;
        self.machines.heal_all();
    }

    async fn without_server(&mut self, nth: usize, millis: u64) {
        self.cluster.kill(nth);
        rest(millis).await;
        self.cluster.restart(nth);
    }
}

/// What docs/cluster.md says to do where the engine lost its log: all nodes are stopped, and it is made anew from the
/// journal that goes furthest.
pub async fn make_anew(nodes: &Nodes) {
    nodes.kill_all().await;
    let position = |nth: &usize| {
        let told = nodes.sites[*nth].cli(&["cluster", "reseed"]);
        let told = told.exits(2).stderr.clone();
        let position = told.split("ends at position ").nth(1).and_then(|rest| rest.split(';').next());
        position.and_then(|digits| digits.parse::<u64>().ok()).expect("a position")
    };
    let furthest = (0..nodes.sites.len()).max_by_key(position).expect("a node");
    nodes.sites[furthest].cli(&["cluster", "reseed", "--force"]).exits(0);
    nodes.start_all().await;
}
