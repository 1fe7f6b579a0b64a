//! A large account: memory is bounded, and the figure said.

use super::*;

/// Leads of a large account: the one that was read into five tenants (L12), with the feature `torture`.
const MANY: usize = if cfg!(feature = "torture") { 162_000 } else { 2_500 };

#[tokio::test]
async fn a_large_snapshot_is_read_page_by_page_in_bounded_memory() {
    let (crm, _) = played(MANY).await;
    let server = site(&crm.url()).start().await;
    let (before, began) = (server.memory(), Instant::now());
    succeeds(&server).await;
    let held = server.memory().saturating_sub(before);
    eprintln!("{MANY} leads in {:?}, {held} MiB more than before", began.elapsed());
    // The read models hold some 500 bytes a record, the run some 200 and its compressed parts.
    assert!(held < 64 + MANY as u64 / 500, "{held} MiB for {MANY} leads");
    let leads = server.read("acme", "leads/summary").await;
    assert_eq!(leads["total_leads"], MANY, "{leads}");
}
