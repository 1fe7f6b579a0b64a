//! What is refused by file, line and key, and what holds.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("factfold.toml", text, &Overrides::default()).map_err(|error| error.to_string())
}

const TENANT: &str = "[[tenant]]\nid = \"acme\"\nname = \"Acme Dental\"\ntimezone = \"America/New_York\"\n";

#[test]
fn the_contracts_example_is_accepted() {
    let text = format!(
        "data_dir = \"data\"\nlisten = \"127.0.0.1:8080\"\npublic_url = \"https://hooks.example.com\"\n{TENANT}\
         workspaces = [\"Acme Client\", \"17\"]\ncurrency = \"USD\"\n[tenant.rules]\nqualified_min_seconds = 30\n\
         [[tenant.tracking_number]]\nnumber = \"+15550199\"\nagent = \"ann@example.com\"\n\
         [[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\ntenant = \"acme\"\nsecrets = [\"sesame\"]\n"
    );
    let config = parse(&text).expect("accepted");
    assert_eq!(config.tenants[0].body["rules"]["qualified_min_seconds"], 30);
    assert_eq!(config.endpoints[0].secrets[0].bytes(), b"sesame");
    assert!(!format!("{config:?}").contains("sesame"), "secrets never show");
}

#[test]
fn wrong_files_are_refused_by_line_and_key() {
    let endpoint = "[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\n";
    let claim = |number: &str, workspace: &str| {
        format!(
            "[[tenant]]\nid = \"one\"\nname = \"One\"\ntimezone = \"UTC\"\nworkspaces = [\"{workspace}\"]\n\
             [[tenant.tracking_number]]\nnumber = \"{number}\"\n"
        )
    };
    for (text, told) in [
        ("data_dir = \"d\"\nlisten_on = \"x\"\n".to_owned(), "factfold.toml:2: listen_on: unknown field"),
        ("listen = 7\n".to_owned(), "factfold.toml:1: listen: must be a text, address and port"),
        (
            TENANT.replace("America/New_York", "America/Nowhere"),
            "factfold.toml:4: tenant.timezone: \"America/Now",
        ),
        (
            format!("{TENANT}[tenant.rules]\nqualified_min_second = 3\n"),
            "factfold.toml:6: tenant.rules.qualified_min_second: is not a member",
        ),
        (
            format!("{TENANT}[tenant.rules]\n\nqualified_min_seconds = \"3\"\n"),
            "factfold.toml:7: tenant.rules.qualified_min_seconds: must be an integer",
        ),
        (format!("{TENANT}{TENANT}"), "factfold.toml:6: tenant.id: \"acme\" is given twice"),
        (
            format!("{endpoint}secrets = [\"env:FACTFOLD_NOT_SET\"]\n"),
            "factfold.toml:4: endpoint.secrets: the environment variable FACTFOLD_NOT_SET is not set",
        ),
        (
            format!("{}{TENANT}workspaces = [\"x\",\n\"MAIN \"]\n", claim("+1 415 867 5309", "main")),
            "factfold.toml:13: tenant.workspaces: workspace \"MAIN \" is claimed by the tenants one and acme",
        ),
        (
            format!(
                "{}{}",
                claim("+14158675309", "a"),
                claim("+1 (415) 867-5309", "b").replace("\"one\"", "\"two\"")
            ),
            "factfold.toml:14: tenant.tracking_number.number: tracking number \"+1 (415) 867-5309\" is claimed",
        ),
        (
            format!("{TENANT}[[tenant.tracking_number]]\nnumber = \"  \"\n"),
            "factfold.toml:6: tenant.tracking_number.0.number: is required",
        ),
        (
            format!("{TENANT}[tenant.clienttether]\nweb_key = \"env:FACTFOLD_NOT_SET\"\n"),
            "factfold.toml:6: tenant.clienttether.web_key: the environment variable FACTFOLD_NOT_SET is not set",
        ),
        (
            format!("{TENANT}[tenant.clienttether]\nweb_key = \"x\"\nbase_url = \"http://10.0.0.1/\"\n"),
            "factfold.toml:7: tenant.clienttether.base_url: must be an https URL",
        ),
        (
            "[http]\ncors = [\"https://a.example\", \"*\"]\n".to_owned(),
            "factfold.toml:2: http.cors: must be an origin",
        ),
        ("[limits]\nconnections = 0\n".to_owned(), "factfold.toml:2: limits.connections: must be an integer"),
        ("[limits]\nconections = 1\n".to_owned(), "factfold.toml:2: limits.conections: unknown field"),
        (
            "[outbound]\nallow = [\"http://127.0.0.1\"]\n".to_owned(),
            "factfold.toml:2: outbound.allow: must be a host",
        ),
        (endpoint.to_owned(), "factfold.toml:2: endpoint.secrets: twilio signs its deliveries"),
        (endpoint.replace("twilio", "twillio"), "factfold.toml:3: endpoint.provider: unknown provider"),
    ] {
        let refused = parse(&text).expect_err(&text);
        assert!(refused.contains(told), "{refused}\nshould say\n{told}");
    }
}

#[test]
fn an_endpoint_of_a_tenant_that_the_file_does_not_have_waits_for_the_log_to_know_it() {
    let endpoint = "[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\nsecrets = [\"x\"]\n";
    let config = parse(&format!("{endpoint}tenant = \"gone\"\n")).expect("read");
    let refused: Vec<_> = config.strangers.iter().map(|it| it.refused().to_string()).collect();
    assert_eq!(refused, ["factfold.toml:5: endpoint.tenant: no tenant \"gone\""]);
    let config = parse(&format!("{TENANT}{endpoint}tenant = \"acme\"\n")).expect("read");
    assert!(config.strangers.is_empty());
}

#[test]
fn every_table_of_the_contract_is_read() {
    let text = format!(
        "{TENANT}[tenant.clienttether]\nbase_url = \"http://127.0.0.1:9999/v2/api\"\nweb_key = \"sesame\"\n\
         access_token = \"sesame\"\n[outbound]\nallow = [\"127.0.0.1\", \"Crm.Example.com\"]\n\
         [http]\ncors = [\"https://app.example.com\"]\n[limits]\nrequests_per_second = 5\n"
    );
    let config = parse(&text).expect("accepted");
    let crm = config.tenants[0].sources.clienttether.as_ref().expect("a CRM");
    assert_eq!(
        (crm.base_url.as_str(), crm.web_key.bytes()),
        ("http://127.0.0.1:9999/v2/api/", &b"sesame"[..])
    );
    assert!(config.outbound.allows("crm.example.com") && !config.outbound.allows("example.com"));
    assert_eq!(config.http.cors, ["https://app.example.com"]);
    assert_eq!((config.limits.requests_per_second.get(), config.limits.connections.get()), (5, 10_000));
    assert!(!format!("{config:?}").contains("sesame"), "secrets never show");
}

#[test]
fn flags_win_over_the_file() {
    let overrides = Overrides { data_dir: Some("elsewhere".into()), ..Overrides::default() };
    let config = Config::parse("f", "data_dir = \"data\"", &overrides).expect("accepted");
    assert_eq!(config.data_dir, PathBuf::from("elsewhere"));
}

#[test]
fn an_account_for_calls_is_understood_or_refused_by_line_and_key() {
    let endpoint =
        "[[endpoint]]\nid = \"tw-5b0f0d7e\"\nprovider = \"twilio\"\ntenant = \"acme\"\nsecrets = [\"s\"]\n";
    let of = |members: &str, endpoint: &str| {
        let account = "account_sid = \"AC1\"\nauth_token = \"sesame\"\nfrom = \"+1 202 555 0199\"\n\
                       endpoint = \"tw-5b0f0d7e\"\n";
        parse(&format!("{TENANT}[tenant.twilio]\n{members}{account}{endpoint}"))
    };
    let config = of("", endpoint).expect("accepted");
    let account = config.tenants[0].twilio.as_ref().expect("an account");
    let told = [account.base_url.as_str(), account.from.as_str(), account.endpoint.as_str()];
    assert_eq!(told, ["https://api.twilio.com", "+12025550199", "tw-5b0f0d7e"]);
    assert!(!format!("{config:?}").contains("sesame"), "secrets never show");
    let rule = "factfold.toml:6: tenant.twilio.base_url: must be an https URL";
    let refused = |members: &str, endpoint: &str| of(members, endpoint).expect_err("refused");
    assert!(refused("base_url = \"http://127.0.0.1:1\"\n", endpoint).starts_with(rule));
    assert!(of("base_url = \"https://twilio.example.com/\"\n", endpoint).is_ok());
    let rule = "factfold.toml:9: tenant.twilio.endpoint: must be the id of an [[endpoint]] of this tenant";
    for other in ["", &endpoint.replace("acme", "globex"), &endpoint.replace("\"twilio\"", "\"ctm\"")] {
        let told = refused("", other);
        assert!(told.contains(rule), "{told}");
    }
    let text = format!(
        "{TENANT}[tenant.twilio]\naccount_sid = \"A/../C\"\nauth_token = \"s\"\nfrom = \"5550199\"\n\
                        endpoint = \"tw-5b0f0d7e\"\n{endpoint}"
    );
    assert!(parse(&text).expect_err("refused").contains(":6: tenant.twilio.account_sid: must be"));
    let told = parse(&text.replace("A/../C", "AC1")).expect_err("refused");
    assert!(told.contains(":8: tenant.twilio.from: must be a number"), "{told}");
}
