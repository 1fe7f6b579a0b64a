//! The README and the pages below `docs/`: their commands run, and what they name exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::common::site::bare_command;
use crate::common::{Answer, Server, Site};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The README and every page, by name.
fn pages() -> Vec<(String, String)> {
    let docs = fs::read_dir(root().join("docs")).expect("docs");
    let names = docs.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    // Beside the pages there is the folder of their pictures.
    let names = names.filter(|name| name.ends_with(".md"));
    let names = names.map(|name| format!("docs/{name}")).chain(["README.md".to_owned()]);
    names.map(|name| (name.clone(), page(&name))).collect()
}

/// The fenced blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| Some(block.strip_prefix(language)?.strip_prefix('\n')?.to_owned())).collect()
}

/// The parts of a text between pairs of this mark.
fn between(text: &str, mark: char) -> Vec<&str> {
    text.split(mark).skip(1).step_by(2).collect()
}

/// The path and query of an address of the README's server.
fn path(address: &str) -> &str {
    address.split_once(":8080").expect("an address").1
}

#[tokio::test]
async fn from_an_empty_folder_to_an_own_event_in_a_figure() {
    let readme = page("README.md");
    let site = Site::new();
    fs::write(site.config(), &blocks(&readme, "toml")[0]).expect("written");
    let commands = blocks(&readme, "sh");
    let start = commands.iter().find(|block| block.starts_with("export ")).expect("a start");
    let variables = start.lines().next().into_iter().flat_map(|line| line.split(' ')).skip(1);
    let variables: Vec<(&str, &str)> = variables.filter_map(|word| word.split_once('=')).collect();
    assert!(start.ends_with("\nfactfold serve\n"), "{start}");
    let mut serve = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::started({
        serve.envs(variables.iter().copied());
        serve
    })
    .await;
    let token = variables.iter().find(|(name, _)| *name == "FACTFOLD_ADMIN_TOKEN").expect("a token").1;
    let read = async |address: &str| -> Answer {
        server.send(server.request("GET", path(address)).bearer_auth(token)).await
    };

    let calls = commands.iter().find(|block| block.contains("/hooks/emailbison/")).expect("a block");
    let address = calls.split_whitespace().find(|word| word.contains("/hooks/")).expect("an address");
    let [_media, event, month, facts] = between(calls, '\'')[..] else { panic!("{calls}") };
    assert_eq!(calls.matches("authorization: Bearer $FACTFOLD_ADMIN_TOKEN").count(), 2, "{calls}");
    assert!(readme.contains("it is a `duplicate`, and `interested` stays 1"), "what is checked here");
    for outcome in ["recorded", "duplicate"] {
        let request = server.request("POST", path(address)).header("content-type", "application/json");
        let delivered = server.send(request.body(event.to_owned())).await;
        assert_eq!(delivered.is(200).json["outcome"], outcome);
        let figures = read(&format!("{month}&min_position={}", delivered.json["facts"][0]["position"])).await;
        assert_eq!(
            (&figures.is(200).json["interested"], &figures.json["month"]),
            (&json!(1), &json!("2026-03"))
        );
    }
    let facts = read(facts).await;
    assert_eq!(facts.is(200).json["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(facts.json["items"][0]["kind"], "lead_interested");
    let hook = between(&readme, '`')
        .into_iter()
        .find(|text| text.starts_with("https://hooks.example.com/hooks/twilio/"));
    let hook = hook.and_then(|address| address.strip_prefix("https://hooks.example.com")).expect("a hook");
    let unsigned = server.request("POST", hook).header("content-type", "application/x-www-form-urlencoded");
    server.send(unsigned.body("CallSid=CA1")).await.problem(401);
    server.send(server.request("GET", "/docs")).await.is(303);
    server.stop();
}

#[tokio::test]
async fn the_mapping_of_its_page_is_taken() {
    let (tenants, mappings) = (blocks(&page("README.md"), "toml"), blocks(&page("docs/mapping.md"), "toml"));
    assert_eq!((tenants.len(), mappings.len()), (1, 1));
    let endpoint = "[[endpoint]]\nid = \"wc-0a1b2c3d\"\nprovider = \"whatconverts\"\ntenant = \"acme\"\nsecrets = [\"env:TWILIO_TOKEN\"]\n";
    let site = Site::new();
    let whole = format!("{}\n{endpoint}\n{}", tenants[0], mappings[0]);
    fs::write(site.config(), whole).expect("written");
    site.start().await.stop();
    fs::write(site.config(), mappings[0].replace("call_id = \"lead_id\"", "")).expect("written");
    let refused = site.start_refused();
    assert!(refused.exits(2).stderr.contains("mapping.on.body.call_id"), "{}", refused.stderr);
}

#[test]
fn the_readme_is_short_and_names_every_page() {
    let readme = page("README.md");
    assert!(readme.lines().count() < 150, "{} lines", readme.lines().count());
    let missing: Vec<String> = pages()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !readme.contains(&format!("]({name})")))
        .collect();
    assert_eq!(missing, ["README.md"]);
}

/// Links to files and paths of the tree that a page names, and that are not there.
fn broken(name: &str, page: &str) -> Vec<String> {
    let folder = root().join(name).parent().map(Path::to_owned).expect("a folder");
    let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("://")).map(|link| link.split('#').next().unwrap_or(link));
    let links = links.filter(|link| !link.is_empty() && !folder.join(link).exists());
    let tops = ["src/", "domain/", "projections/", "tests/", "fixtures/", "benches/", "docs/"];
    let paths = between(page, '`').into_iter().filter(|path| tops.iter().any(|top| path.starts_with(top)));
    let paths = paths.filter(|path| !path.contains(['<', '*', ' ']) && !root().join(path).exists());
    links.chain(paths).map(|broken| format!("{name}: {broken}")).collect()
}

#[test]
fn every_link_and_path_of_a_page_leads_somewhere() {
    let found: Vec<String> = pages().iter().flat_map(|(name, page)| broken(name, page)).collect();
    assert_eq!(found, Vec::<String>::new());
    let wrong = "[a](configuration.md), [b](gone.md#x), `src/log/mod.rs`, `src/gone.rs`, `src/<name>.rs`";
    assert_eq!(broken("docs/x.md", wrong), ["docs/x.md: gone.md", "docs/x.md: src/gone.rs"]);
}

/// Rooms of `src/` that the map does not name.
fn unmapped(readme: &str) -> BTreeSet<String> {
    let rooms = fs::read_dir(root().join("src")).expect("src").map(|entry| entry.expect("an entry").path());
    let names = rooms.filter_map(|path| Some((path.is_dir(), path.file_name()?.to_str()?.to_owned())));
    let names =
        names.map(|(is_dir, name)| if is_dir { format!("`src/{name}/`") } else { format!("`src/{name}`") });
    let outside = ["`src/lib.rs`", "`src/main.rs`", "`src/testing.rs`"];
    names
        .filter(|name| !outside.contains(&name.as_str()) && !readme.contains(name.as_str()))
        .filter(|name| !readme.contains(&name.replace(".rs`", "/`")))
        .collect()
}

#[test]
fn the_map_has_every_room() {
    let readme = page("README.md");
    assert_eq!(unmapped(&readme), BTreeSet::new());
    assert_eq!(unmapped(&readme.replace("`src/views/`", "")), BTreeSet::from(["`src/views/`".to_owned()]));
}

#[test]
fn invariants_are_the_same_in_the_readme_and_among_the_rules() {
    let (readme, rules) = (page("README.md"), page("docs/rules.md"));
    for n in 1..=10 {
        let line = |page: &str, begins: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(begins)).map(str::to_owned);
            line.unwrap_or_else(|| panic!("no line {begins}"))
        };
        assert_eq!(
            line(&readme, &format!("- **I{n}** ")),
            line(&rules, &format!("- <a id=\"i{n}\"></a>**I{n}** "))
        );
    }
}

/// Commands of a help text.
fn listed(help: &str) -> Vec<String> {
    let lines =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_stands_in_its_page() {
    let help = |args: &[&str]| {
        let ran = bare_command(&[args, &["--help"]].concat()).output().expect("runs");
        assert!(ran.status.success(), "{args:?}");
        String::from_utf8(ran.stdout).expect("UTF-8")
    };
    let document = page("docs/command-line.md");
    let cells: Vec<&str> =
        document.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()).collect();
    let words = |cell: &&str| -> Vec<String> {
        cell.split(['`', ',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let commands = listed(&help(&[]));
    assert!(commands.len() > 10, "{commands:?}");
    let mut missing = Vec::new();
    for command in commands {
        let Some(cell) = cells.iter().map(words).find(|cell| cell.contains(&command)) else {
            missing.push(command);
            continue;
        };
        let inner = listed(&help(&[&command]));
        missing.extend(
            inner.into_iter().filter(|name| !cell.contains(name)).map(|name| format!("{command} {name}")),
        );
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_setting_stands_in_its_page() {
    let site = Site::with("");
    let document = page("docs/configuration.md");
    let settings = site.cli(&["config", "show", "--json"]);
    let settings = settings.exits(0).json();
    let names: Vec<&str> = settings.iter().filter_map(|row| row["key"].as_str()).collect();
    assert!(names.len() >= 8, "{settings:?}");
    let admin = "admin_token";
    let stands = |name: &str| {
        let key = name.rsplit('.').next().unwrap_or(name);
        document.lines().any(|line| line.starts_with(&format!("#{key} = ")))
    };
    let missing: Vec<&&str> = names.iter().filter(|name| !stands(name) && **name != admin).collect();
    assert_eq!(missing, Vec::<&&str>::new());
    assert!(document.contains("`FACTFOLD_ADMIN_TOKEN`"), "which has no key in the file");
}
