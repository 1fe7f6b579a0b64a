//! A load generator: raw sockets, keep-alive, one request at a time on each; two threads like wrk's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::Outcome;
use super::machine::percentiles;
use super::sample::Template;
use super::site::TOKEN;

/// Part of a run whose answers are not counted.
pub const WARM_UP: Duration = Duration::from_millis(300);

/// What a run saw.
pub struct Seen {
    pub requests: f64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// POSTs of the template's facts, each another one, from `next` on.
#[derive(Clone)]
pub struct Load {
    pub address: String,
    pub path: String,
    pub template: Template,
    pub connections: usize,
    pub lasts: Duration,
    pub next: Arc<AtomicU64>,
}

impl Load {
    fn request(&self) -> Template {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.path,
            self.address,
            self.template.len()
        );
        self.template.clone().behind(&head)
    }

    /// Runs it; an answer that is not a 2xx is an error.
    pub fn run(&self) -> Outcome<Seen> {
        let threads = self.connections.min(2);
        let stop = AtomicBool::new(false);
        let mut times: Vec<u64> = Vec::new();
        let mut counted = Duration::ZERO;
        std::thread::scope(|scope| -> Outcome<()> {
            let share =
                |thread: usize| self.connections / threads + usize::from(thread < self.connections % threads);
            let running: Vec<_> = (0..threads)
                .map(|thread| {
                    let (stop, count) = (&stop, share(thread));
                    scope.spawn(move || self.thread(count, stop))
                })
                .collect();
            std::thread::sleep(WARM_UP + self.lasts);
            stop.store(true, Ordering::Relaxed);
            for thread in running {
                let (own, lasted) =
                    thread.join().map_err(|_| "a thread of the load generator panicked")??;
                times.extend(own);
                counted = counted.max(lasted);
            }
            Ok(())
        })?;
        let per_second = times.len() as f64 / counted.as_secs_f64();
        let (p50, p99) = percentiles(&mut times);
        Ok(Seen {
            requests: times.len() as f64,
            per_second,
            p50_ms: p50 as f64 / 1e6,
            p99_ms: p99 as f64 / 1e6,
        })
    }

    fn thread(&self, connections: usize, stop: &AtomicBool) -> io::Result<(Vec<u64>, Duration)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let local = LocalSet::new();
        let from = Instant::now() + WARM_UP;
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let (load, stopped) = (self.clone(), Arc::clone(&stopped));
                local.spawn_local(async move { load.connection(from, &stopped).await })
            })
            .collect();
        runtime.block_on(local.run_until(async {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let counted = from.elapsed();
            stopped.store(true, Ordering::Relaxed);
            let mut times = Vec::new();
            for task in tasks {
                times.extend(task.await.map_err(io::Error::other)??);
            }
            Ok((times, counted))
        }))
    }

    async fn connection(self, from: Instant, stopped: &AtomicBool) -> io::Result<Vec<u64>> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (mut request, mut answer) = (self.request(), vec![0; 16 << 10]);
        let mut times = Vec::with_capacity(1 << 16);
        while !stopped.load(Ordering::Relaxed) {
            let bytes = request.stamp(self.next.fetch_add(1, Ordering::Relaxed));
            let began = Instant::now();
            stream.write_all(bytes).await?;
            read_answer(&mut stream, &mut answer).await?;
            if began >= from && !stopped.load(Ordering::Relaxed) {
                times.push(began.elapsed().as_nanos() as u64);
            }
        }
        Ok(times)
    }
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let broken =
        |what: &str, got: &[u8]| io::Error::other(format!("{what}: {}", String::from_utf8_lossy(got)));
    let mut have = 0;
    loop {
        let read = stream.read(&mut buffer[have..]).await?;
        have += read;
        if read == 0 {
            return Err(broken("the answer was cut short", &buffer[..have]));
        }
        let Some(end) = buffer[..have].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).map_err(io::Error::other)?;
        if !head.starts_with("HTTP/1.1 2") {
            return Err(broken("not taken", &buffer[..have]));
        }
        let mut lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
        let body: usize = lengths
            .next()
            .and_then(|len| len.parse().ok())
            .ok_or_else(|| broken("no length", &buffer[..have]))?;
        if have >= end + 4 + body {
            return Ok(());
        }
    }
}
