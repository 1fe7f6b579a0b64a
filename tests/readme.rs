//! What the README tells a new user to do, done.

use serde_json::json;

use crate::common::{Site, TOKEN};

/// The fenced blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(path).expect("the README");
    let fenced = readme.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| Some(block.strip_prefix(language)?.strip_prefix('\n')?.to_owned())).collect()
}

/// The parts of a block of shell in single quotes.
fn quoted(block: &str) -> Vec<&str> {
    block.split('\'').skip(1).step_by(2).collect()
}

#[tokio::test]
async fn from_an_empty_folder_to_an_own_event_in_a_figure() {
    let configurations = blocks("toml");
    let site = Site::new();
    std::fs::write(site.config(), &configurations[0]).expect("written");
    let server = site.start().await;
    let plays = blocks("sh").into_iter().find(|block| block.contains("/hooks/emailbison/")).expect("a block");
    let address = plays.split_whitespace().find(|word| word.contains("/hooks/")).expect("an address");
    let [_media, event, month, facts] = quoted(&plays)[..] else { panic!("{plays}") };
    let path = |address: &str| address.split_once(":8080").expect("an address").1.to_owned();
    for outcome in ["recorded", "duplicate"] {
        let request = server.request("POST", &path(address)).header("content-type", "application/json");
        let delivered = server.send(request.body(event.to_owned())).await;
        assert_eq!(delivered.is(200).json["outcome"], outcome);
        let figures = server
            .get(&format!("{}&min_position={}", path(month), delivered.json["facts"][0]["position"]))
            .await;
        assert_eq!(
            (&figures.is(200).json["interested"], &figures.json["month"]),
            (&json!(1), &json!("2026-03"))
        );
    }
    let facts = server.get(&path(facts)).await;
    assert_eq!(facts.is(200).json["items"].as_array().map(Vec::len), Some(1));
    assert!(TOKEN.len() >= 16, "as the README asks of an admin token");
}

#[tokio::test]
async fn the_mapping_of_the_readme_is_taken() {
    let configurations = blocks("toml");
    assert_eq!(configurations.len(), 2);
    let endpoint = "[[endpoint]]\nid = \"wc-0a1b2c3d\"\nprovider = \"whatconverts\"\ntenant = \"acme\"\nsecrets = [\"env:TWILIO_TOKEN\"]\n";
    let site = Site::new();
    let whole = format!("{}\n{endpoint}\n{}", configurations[0], configurations[1]);
    std::fs::write(site.config(), whole).expect("written");
    site.start().await.stop();
    std::fs::write(site.config(), configurations[1].replace("call_id = \"lead_id\"", "")).expect("written");
    let refused = site.start_refused();
    assert!(refused.exits(2).stderr.contains("mapping.on.body.call_id"), "{}", refused.stderr);
}
