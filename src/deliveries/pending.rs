//! The queue between requests and the thread that writes deliveries.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{Delivered, DeliveryStatus};

/// Deliveries that may wait for the thread; at 20 times the usual burst they are some seconds' worth.
const QUEUE_MAX: usize = 16_384;
/// Refused requests that are listed a minute; all are counted. Anybody can send them, and must not fill the disk.
const REFUSED_LISTED: u32 = 60;
const MINUTE: i64 = 60_000_000;
/// Deliveries for which the thread is woken before its time.
const BATCH: usize = 1_024;
/// How long others are waited for once one is there: waking the thread for each would cost more than writing it. Until
/// then it is listed from the queue.
const GATHER: Duration = Duration::from_millis(50);

/// A delivery in the queue.
#[derive(Debug)]
pub struct PendingDelivery {
    /// The delivery.
    pub line: Delivered,
    /// Whether it is listed, or counted alone.
    pub listed: bool,
    /// Whether it came in here: other nodes are told of it.
    pub own: bool,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<PendingDelivery>,
    closed: bool,
    minute: i64,
    refused: u32,
}

impl Queue {
    fn is_listed(&mut self, line: &Delivered) -> bool {
        if !matches!(
            line.status,
            DeliveryStatus::Refused | DeliveryStatus::Rejected | DeliveryStatus::Limited
        ) {
            return true;
        }
        let minute = line.at.div_euclid(MINUTE);
        if minute != self.minute {
            (self.minute, self.refused) = (minute, 0);
        }
        self.refused = self.refused.saturating_add(1);
        self.refused <= REFUSED_LISTED
    }
}

/// Deliveries that the keeper has not yet written.
#[derive(Debug, Default)]
pub struct PendingQueue {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl PendingQueue {
    /// Adds a delivery; `false` where there is no room for it. After the close nothing is taken.
    pub fn put(&self, line: Delivered) -> bool {
        let mut queue = self.queue.lock();
        if queue.closed {
            return true;
        }
        let listed = queue.is_listed(&line);
        let room = queue.waiting.len() < QUEUE_MAX;
        if room {
            queue.waiting.push_back(PendingDelivery { line, listed, own: true });
        }
        let waiting = queue.waiting.len();
        drop(queue);
        if waiting == 1 || waiting == BATCH {
            self.arrived.notify_one();
        }
        room
    }

    /// Adds a delivery that another node took; the line back where there is no room now.
    pub fn put_told(&self, line: Delivered) -> Result<(), Box<Delivered>> {
        let mut queue = self.queue.lock();
        if queue.waiting.len() >= QUEUE_MAX {
            return Err(Box::new(line));
        }
        queue.waiting.push_back(PendingDelivery { line, listed: true, own: false });
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits until a batch is there, the queue is closed, or the time is over. Whether it is closed.
    pub fn wait(&self, at_most: Duration) -> bool {
        let mut queue = self.queue.lock();
        if queue.waiting.is_empty() && !queue.closed {
            self.arrived.wait_for(&mut queue, at_most);
        }
        if (1..BATCH).contains(&queue.waiting.len()) && !queue.closed {
            self.arrived.wait_for(&mut queue, GATHER.min(at_most));
        }
        queue.closed
    }

    /// Locks the queue.
    pub fn hold(&self) -> LockedQueue<'_> {
        LockedQueue(self.queue.lock())
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.queue.lock().closed = true;
        self.arrived.notify_one();
    }
}

/// The queue, locked.
pub struct LockedQueue<'q>(MutexGuard<'q, Queue>);

impl LockedQueue<'_> {
    /// The next one.
    pub fn first(&self) -> Option<&PendingDelivery> {
        self.0.waiting.front()
    }

    /// Takes the next one out.
    pub fn take(&mut self) -> Option<PendingDelivery> {
        self.0.waiting.pop_front()
    }

    /// All of them, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Delivered> {
        self.0.waiting.iter().map(|waiting| &waiting.line)
    }

    /// Those that are listed, oldest first.
    pub fn listed(&self) -> impl Iterator<Item = &Delivered> {
        self.0.waiting.iter().filter(|waiting| waiting.listed).map(|waiting| &waiting.line)
    }
}
