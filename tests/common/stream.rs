//! A reader of a live stream that looks at what was told and when it ended.

use std::time::{Duration, Instant};

use reqwest::Response;
use tokio::time::timeout;

/// An open stream, with the text that came of it so far.
pub struct OpenStream {
    response: Response,
    pub text: String,
}

impl OpenStream {
    /// Opens a stream, which must be let in.
    pub async fn open(request: reqwest::RequestBuilder) -> Self {
        let response = request.timeout(Duration::from_secs(120)).send().await.expect("answers");
        assert_eq!(response.status(), 200, "{}", response.url());
        let media = response.headers()["content-type"].to_str().expect("text");
        assert!(media.starts_with("text/event-stream"), "{media}");
        Self { response, text: String::new() }
    }

    /// The next piece; `false` at the end.
    async fn more(&mut self) -> bool {
        match self.response.chunk().await.ok().flatten() {
            Some(piece) => {
                self.text.push_str(std::str::from_utf8(&piece).expect("utf-8"));
                true
            }
            None => false,
        }
    }

    /// Reads until this was told, at most 10 s.
    pub async fn tells(&mut self, words: &str) {
        let reading = async {
            while !self.text.contains(words) {
                assert!(self.more().await, "the stream ended before {words:?}: {}", self.text);
            }
        };
        timeout(Duration::from_secs(10), reading).await.expect("told in time");
    }

    /// Reads on; after how long the stream ended, none where it goes on for longer than `within`.
    pub async fn ends(&mut self, within: Duration) -> Option<Duration> {
        let began = Instant::now();
        let reading = async { while self.more().await {} };
        timeout(within, reading).await.ok().map(|()| began.elapsed())
    }
}
