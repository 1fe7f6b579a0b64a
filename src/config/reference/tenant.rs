//! Tenants and endpoints.

use super::{ReferenceTable, tables};

pub const TABLES: &[ReferenceTable] = tables! {
    /// A tenant; one table for each. What it says is recorded as a fact, at a start and at SIGHUP, when it differs from
    /// the log.
    "[[tenant]]" sighup {
        /// The tenant's id, as it stands in routes: 1 to 63 of a-z, 0-9 and -.
        id: "text", required, example "acme";
        /// The tenant's name.
        name: "text", required, example "Acme Dental";
        /// The IANA zone that decides days and months.
        timezone: "text", required, example "America/New_York";
        /// ISO 4217 code of money that names none.
        currency: "text", absent, example "USD";
        /// Names or ids of Email Bison workspaces whose deliveries are the tenant's.
        workspaces: "array of texts", default([]), example ["Acme Client", "17"];
        /// Whether placed calls are recorded.
        recording: "true or false", default(false), example true;
        /// First local day on which this table holds: see "Changing a rule" in docs/configuration.md.
        effective_from: "text, a date", words("the day on which it is recorded; every day for a tenant's first one"), example "2025-11-01";
    }
    /// The tenant's rules. What is absent has its default.
    "[tenant.rules]" sighup {
        /// An answered call qualifies from this many seconds.
        qualified_min_seconds: "integer from 0", default(30), example 60;
        /// Directions whose calls count as answered and qualified; `unknown` are calls without one.
        counted_directions: "array of inbound, outbound, unknown", default(["inbound", "unknown"]), example ["inbound"];
        /// What a qualified call is worth, in minor units of the currency.
        job_value_minor: "integer", absent, example 45_000;
        /// Calls that an agent is to make a day.
        daily_call_goal: "integer from 0", default(50), example 80;
        /// A dialer session ends after this long without activity.
        session_timeout_seconds: "integer from 0", default(1_800), example 3_600;
        /// A reserved lead comes back after this long.
        reservation_seconds: "integer from 0", default(120), example 90;
        /// A drop of the reply rate by more than this raises an alert.
        reply_rate_drop_percent: "integer from 0 to 100", default(20), example 30;
        /// Age at which ad spend of the current month is read again.
        stale_after_seconds: "integer from 0", default(2_700), example 900;
        /// Stages whose leads are qualified, in any case.
        qualified_stages: "array of texts", words("QR Returned to FA Sent"), example ["QR Returned", "FDD Sent"];
        /// Stages of the hot list, in any case.
        hot_stages: "array of texts", words("Deal Structure to FA Signed"), example ["Deal Structure", "FA Sent"];
        /// Contact types of the CRM that count.
        counted_contact_types: "array of texts", default(["1"]), example ["1", "4"];
    }
    /// A stage of the pipeline; one table for each, in order. Or in one line of [tenant.rules]:
    /// stages = [{ name = "New Lead" }, { name = "FA Signed", likelihood_percent = 90 }]. Without any the CRM's stages are
    /// those.
    "[[tenant.rules.stages]]" sighup {
        /// Its name.
        name: "text", required, example "FA Signed";
        /// How likely a deal in it closes.
        likelihood_percent: "integer from 0 to 100", absent, example 90;
    }
    /// A number that leads to the tenant; one table for each.
    "[[tenant.tracking_number]]" sighup {
        /// The number, as providers name the number that was called.
        number: "text, E.164", required, example "+15550199";
        /// The person whose it is, by email address.
        agent: "text", absent, example "ann@example.com";
    }
    /// When the tenant's sources are asked.
    "[tenant.sync]" sighup {
        /// In the tenant's zone.
        schedule: "text, a cron expression of five fields", words("[sync] schedule"), example "15 7 * * *";
    }
    /// When the tenant is told by mail.
    "[tenant.email]" sighup {
        /// The hour of the tenant's Monday, in its zone, from which its weekly digest is mailed.
        digest_hour: "integer from 0 to 23", words("[email] digest_hour"), example 7;
    }
    /// The tenant's CRM, ClientTether.
    "[tenant.clienttether]" sighup {
        /// Where its API is: https; plain http only to a host that [outbound] allow names.
        base_url: "text, URL", default("https://api.clienttether.com/v2/api/"), example "https://api.clienttether.com/v2/api/";
        /// The tenant's X-Web-Key.
        web_key: "text, a secret", required, example "env:ACME_CRM_KEY";
        /// The access token of accounts that have one.
        access_token: "text, a secret", absent, example "file:/run/secrets/acme-crm-token";
        /// A list of scheduled activities, which the CRM's API does not document: its path behind base_url, and what the
        /// members of its records are called. `fields` may also name activity_type, status, description, contact and
        /// contact_name.
        activities: "inline table", absent, example { path = "activities", fields = { id = "activity_id", scheduled_at = "due" } };
    }
    /// The tenant's workspace of Email Bison, whose sender accounts are polled, and whose replies are read for the days
    /// of a backfill.
    "[tenant.emailbison]" sighup {
        /// The instance: https; plain http only to a host that [outbound] allow names.
        base_url: "text, URL", required, example "https://dedi.emailbison.com";
        /// A token of the tenant's workspace; where `workspaces` is given, one of another workspace is refused.
        api_key: "text, a secret", required, example "env:ACME_BISON_KEY";
        /// Time between two readings.
        poll_seconds: "integer from 1", default(300), example 600;
    }
    /// The tenant's account of Google Ads. Its spend is read again when the month's figure is older than
    /// `stale_after_seconds`.
    "[tenant.google_ads]" sighup {
        /// The API with its version.
        base_url: "text, URL", default("https://googleads.googleapis.com/v26/"), example "https://googleads.googleapis.com/v26/";
        /// Where a refresh token is exchanged for an access token.
        token_url: "text, URL", default("https://oauth2.googleapis.com/token"), example "https://oauth2.googleapis.com/token";
        /// The ad account.
        customer_id: "text, digits", required, example "2121450128";
        /// The manager account that the user signs in to.
        login_customer_id: "text, digits", absent, example "9876543210";
        /// Of the program that asks.
        developer_token: "text, a secret", required, example "env:GOOGLE_ADS_DEVELOPER_TOKEN";
        /// Of the program that asks.
        client_id: "text", required, example "1234.apps.googleusercontent.com";
        /// Of the program that asks.
        client_secret: "text, a secret", required, example "env:GOOGLE_ADS_CLIENT_SECRET";
        /// The user's.
        refresh_token: "text, a secret", required, example "env:ACME_GOOGLE_ADS_REFRESH_TOKEN";
    }
    /// The tenant's ad account of Meta. Its spend is read again likewise.
    "[tenant.meta_ads]" sighup {
        /// The API with its version.
        base_url: "text, URL", default("https://graph.facebook.com/v25.0/"), example "https://graph.facebook.com/v25.0/";
        /// The ad account.
        account_id: "text, digits", required, example "1700252260223815";
        /// Of a system user who may read the account.
        access_token: "text, a secret", required, example "env:ACME_META_TOKEN";
    }
    /// The tenant's account of CallRail, whose list of calls is read every 15 minutes, and for the days of a backfill.
    "[tenant.callrail]" sighup {
        /// Where its API is: https; plain http only to a host that [outbound] allow names.
        base_url: "text, URL", default("https://api.callrail.com"), example "https://api.callrail.com";
        /// The API key.
        api_key: "text, a secret", required, example "env:ACME_CALLRAIL_KEY";
        /// The account.
        account_id: "text", required, example "227799611";
        /// The one company whose calls are read, where the account has more; all of them where it is not given.
        company_id: "text", absent, example "COM8a8ef6a03f9a4db7a3b8";
    }
    /// The same of CallTrackingMetrics.
    "[tenant.ctm]" sighup {
        /// Where its API is: https; plain http only to a host that [outbound] allow names.
        base_url: "text, URL", default("https://api.calltrackingmetrics.com"), example "https://api.calltrackingmetrics.com";
        /// The access key.
        access_key: "text, a secret", required, example "env:ACME_CTM_ACCESS";
        /// The secret key.
        secret_key: "text, a secret", required, example "env:ACME_CTM_SECRET";
        /// The account.
        account_id: "text", required, example "100001";
    }
    /// The Twilio account that places the tenant's calls, and whose list of calls is read like those. An answered call is connected with the agent's Twilio client,
    /// whose name is the agent's email.
    "[tenant.twilio]" sighup {
        /// Where its API is: https; plain http only to a host that [outbound] allow names.
        base_url: "text, URL", default("https://api.twilio.com"), example "https://api.twilio.com";
        /// The account's SID.
        account_sid: "text", required, example "AC00000000000000000000000000000000";
        /// The account's auth token; the secrets of `endpoint` must hold it, for Twilio signs callbacks with it.
        auth_token: "text, a secret", required, example "env:TWILIO_TOKEN";
        /// The number that is shown unless a request names another.
        from: "text, E.164", required, example "+12025550199";
        /// The id of the tenant's [[endpoint]] with provider = "twilio": callbacks go there.
        endpoint: "text", required, example "tw-5b0f0d7e";
    }
    /// An endpoint: where a provider's webhooks come in, POST /hooks/PROVIDER/ID; one table for each. A delivery is its
    /// endpoint's tenant's, else that of the tracking number's, else that of the workspace's.
    "[[endpoint]]" sighup {
        /// Unguessable, at least eight characters; for a provider that signs nothing it is the secret.
        id: "text", required, example "cr-5b0f0d7e93a1";
        /// twilio, callrail, ctm, emailbison, or the name of a [[mapping]].
        provider: "text", required, example "callrail";
        /// Whose deliveries they are.
        tenant: "text, a tenant's id", absent, example "acme";
        /// The event of a provider whose payload does not name it: callrail and ctm have one endpoint for each event.
        event: "text", absent, example "post_call";
        /// Signing secrets; several while one is rotated.
        secrets: "array of texts, secrets", default([]), example ["env:CALLRAIL_SECRET"];
    }
};
