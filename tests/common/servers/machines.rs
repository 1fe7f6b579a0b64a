//! Machines in network namespaces of their own, on one bridge with the test: what one sends to another can be lost.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

/// Where it is set, no namespaces are needed and nothing is tested on them.
const SKIP: &str = "FACTFOLD_SKIP_NETNS";
/// Nobody's address on the bridge: what is sent to it arrives nowhere, as with a cable that is cut.
const NOBODY: &str = "02:00:00:00:00:01";

static MADE: AtomicU8 = AtomicU8::new(0);

/// The machines; gone when it is.
pub struct Machines {
    tag: String,
    net: String,
    count: usize,
}

fn ip(args: &[&str]) -> Result<(), String> {
    let ran = Command::new("ip").args(args).stdin(Stdio::null()).output();
    let ran = ran.map_err(|error| format!("ip: {error}"))?;
    let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    if ran.status.success() { Ok(()) } else { Err(format!("ip {}: {said}", args.join(" "))) }
}

impl Machines {
    /// This many; none where the variable says that they are skipped.
    pub fn start(count: usize) -> Option<Self> {
        if std::env::var_os(SKIP).is_some() {
            eprintln!("{SKIP} is set: partitions are not tested");
            return None;
        }
        let (process, nth) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let tag = format!("ff{process:x}{}", char::from(b'a' + nth % 26));
        let net = format!("10.{}.{}", 200 + (process / 256 + u32::from(nth)) % 50, process % 256);
        let machines = Self { tag, net, count };
        if let Err(why) = machines.make() {
            panic!(
                "network namespaces cannot be made ({why}): run as root with iproute2, or set {SKIP}=1, which skips the \
                 tests of partitions"
            );
        }
        Some(machines)
    }

    fn make(&self) -> Result<(), String> {
        let bridge = format!("{}br", self.tag);
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        ip(&["addr", "add", &format!("{}.1/24", self.net), "dev", &bridge])?;
        ip(&["link", "set", &bridge, "up"])?;
        for nth in 0..self.count {
            let (name, cable) = (self.name(nth), format!("{}v{nth}", self.tag));
            ip(&["netns", "add", &name])?;
            ip(&["link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &name])?;
            ip(&["link", "set", &cable, "master", &bridge])?;
            ip(&["link", "set", &cable, "up"])?;
            ip(&["-n", &name, "addr", "add", &format!("{}/24", self.address(nth)), "dev", "eth0"])?;
            ip(&["-n", &name, "link", "set", "eth0", "up"])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
        }
        Ok(())
    }

    fn name(&self, nth: usize) -> String {
        format!("{}-{nth}", self.tag)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where a machine is reached, by the test and by the others.
    pub fn address(&self, nth: usize) -> String {
        format!("{}.{}", self.net, nth + 2)
    }

    /// The command, run on a machine. It is the same process: signals reach it.
    pub fn inside(&self, nth: usize, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name(nth)]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside.stdin(Stdio::null());
        inside
    }

    /// What `from` sends to `to` is lost from now on, and nobody is told.
    pub fn cut(&self, from: usize, to: usize) {
        let (name, to) = (self.name(from), self.address(to));
        ip(&["-n", &name, "neigh", "replace", &to, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent"])
            .expect("cut");
    }

    /// It arrives again. What is not cut may be healed.
    pub fn heal(&self, from: usize, to: usize) {
        ip(&["-n", &self.name(from), "neigh", "del", &self.address(to), "dev", "eth0"]).ok();
    }

    /// Everybody reaches everybody.
    pub fn heal_all(&self) {
        self.pairs().for_each(|(from, to)| self.heal(from, to));
    }

    /// A machine and the others hear nothing of each other.
    pub fn isolate(&self, nth: usize) {
        self.pairs()
            .filter(|(from, to)| *from == nth || *to == nth)
            .for_each(|(from, to)| self.cut(from, to));
    }

    /// The others do not hear a machine, which hears them.
    pub fn mute(&self, nth: usize) {
        self.pairs().filter(|(from, _)| *from == nth).for_each(|(from, to)| self.cut(from, to));
    }

    /// A machine does not hear the others, which hear it.
    pub fn deafen(&self, nth: usize) {
        self.pairs().filter(|(_, to)| *to == nth).for_each(|(from, to)| self.cut(from, to));
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let count = self.count;
        (0..count).flat_map(move |from| (0..count).map(move |to| (from, to))).filter(|(from, to)| from != to)
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for nth in 0..self.count {
            ip(&["netns", "del", &self.name(nth)]).ok();
        }
        ip(&["link", "del", &format!("{}br", self.tag)]).ok();
    }
}
