//! What holds for the whole server.

use super::{ReferenceTable, tables};

pub const TABLES: &[ReferenceTable] = tables! {
    /// The server. These keys stand before the first table.
    "" restart {
        /// The data directory with the log. Flag --data-dir, variable FACTFOLD_DATA_DIR.
        data_dir: "text, a path", default("data"), example "/var/lib/factfold";
        /// Where HTTP is served; a socket of the service manager wins. Flag --listen, variable FACTFOLD_LISTEN.
        listen: "text, address and port", default("127.0.0.1:8080"), example "127.0.0.1:9090";
        /// Scheme and host that providers call, which signatures cover. Flag --public-url, variable FACTFOLD_PUBLIC_URL.
        public_url: "text, http or https URL", words("http:// and `listen`, or localhost where it is every address"), example "https://hooks.example.com";
    }
    /// The HTTP server.
    "[http]" restart {
        /// Origins whose pages may call the API.
        cors: "array of texts", default([]), example ["https://app.example.com"];
        /// Addresses or networks of proxies in front: their X-Forwarded-For names the client, by whose address failed
        /// logins are limited.
        trusted_proxies: "array of texts", default([]), example ["127.0.0.1", "10.0.0.0/8"];
    }
    /// What one server takes.
    "[limits]" restart {
        /// Requests of one token or login a second.
        requests_per_second: "integer from 1", default(100_000), example 200;
        /// Requests of one token or login at once.
        requests_burst: "integer from 1", default(100_000), example 400;
        /// Open connections. Once all are taken, a newcomer gets one of the address that holds the most, or 503.
        connections: "integer from 1", default(10_000), example 2_000;
        /// Deliveries a second, on average, of one endpoint that is proven by its id alone (no `secrets`); further ones
        /// get 429 with Retry-After, and /webhook-health counts them as `limited`. Signed deliveries are never limited.
        endpoint_deliveries_per_second: "integer from 1", default(1_000), example 50;
        /// Deliveries of it at once.
        endpoint_deliveries_burst: "integer from 1", default(3_600_000), example 180_000;
        /// KiB a second of it, on average.
        endpoint_kib_per_second: "integer from 1", default(2_048), example 512;
        /// KiB of it at once.
        endpoint_kib_burst: "integer from 1", default(8_388_608), example 1_843_200;
    }
    /// This node, where several share one log.
    "[node]" restart {
        /// Unique among them.
        name: "text", absent, example "a";
    }
    /// The log: what orders it, and its checkpoints, signed statements of how far it goes, at /api/v1/log/checkpoint.
    "[log]" restart {
        /// What orders the log: this node's own journal, or an engine that several nodes share.
        engine: "text: embedded, jetstream or postgres", default("embedded"), example "jetstream";
        /// 64 hexadecimal digits, the same on every node; needed with an engine. Without it the data directory's own,
        /// keys/log-secret, which is made at the first start.
        secret: "text, a secret", absent, example "file:/etc/factfold/log-secret";
        /// A fact is answered when the engine and this many nodes have it in their journals, the one that answers included.
        /// From 2 up a node alone answers no facts.
        copies: "integer: 1 to 5", default(1), example 2;
        /// The key that signs them: 64 hexadecimal digits, the same on every node. Without it the data directory's own,
        /// keys/checkpoint-key, which is made at the first start.
        checkpoint_key: "text, a secret", absent, example "file:/etc/factfold/checkpoint-key";
    }
    /// The stream of NATS JetStream, for `engine = "jetstream"`: nats-server 2.12 or newer, 2.15 advised, with
    /// `sync_interval: always`.
    "[log.jetstream]" restart {
        /// The servers.
        servers: "array of texts, nats or tls URLs", default(["nats://127.0.0.1:4222"]), example ["nats://10.0.0.1:4222", "nats://10.0.0.2:4222", "nats://10.0.0.3:4222"];
        /// Their monitors, which prove that each append is synced; without proof /readyz warns.
        monitor: "array of texts, http URLs", default([]), example ["http://10.0.0.1:8222"];
        /// The stream. It is made, with its settings, by a node that has no facts, and never by another.
        stream: "text", default("FACTFOLD"), example "FACTFOLD";
        /// The user that this node is to the servers, with `password`.
        user: "text", absent, example "factfold";
        /// The user's password.
        password: "text, a secret", absent, example "env:NATS_PASSWORD";
        /// A token, where the servers want one instead of a user.
        token: "text, a secret", absent, example "env:NATS_TOKEN";
        /// The text of a credentials file.
        credentials: "text, a secret", absent, example "file:/etc/factfold/nats.creds";
        /// Servers that keep the stream.
        replicas: "integer: 1, 3 or 5", default(3), example 3;
    }
    /// TLS to the servers of NATS.
    "[log.jetstream.tls]" restart {
        /// Certificates that sign the servers', beside those of the system.
        ca: "text, a path", absent, example "/etc/factfold/nats-ca.pem";
        /// This node's certificate.
        cert: "text, a path", absent, example "/etc/factfold/nats-cert.pem";
        /// Its key.
        key: "text, a path", absent, example "/etc/factfold/nats-key.pem";
    }
    /// The database, for `engine = "postgres"`: a primary with a synchronous standby.
    "[log.postgres]" restart {
        /// The primary, or several hosts of which one is, with target_session_attrs=read-write.
        url: "text, a secret", absent, example "env:FACTFOLD_PG";
        /// Certificates that sign the database's, beside those of the system. With it the connection is by TLS or not at all.
        ca: "text, a path", absent, example "/etc/factfold/postgres-ca.pem";
        /// Whether a primary without a synchronous standby is taken; /readyz warns then.
        async_standby: "true or false", default(false), example false;
    }
    /// A witness that is asked to cosign checkpoints (C2SP tlog-witness); one table for each.
    "[[log.witness]]" sighup {
        /// Its name, with which its key begins.
        name: "text", required, example "witness.example/w1";
        /// Its submission prefix: https; plain http only to a host that [outbound] allow names.
        url: "text, URL", required, example "https://witness.example/w1";
        /// What its cosignatures are verified with: NAME+ID+KEY.
        key: "text, a verifier key", required, example "witness.example/w1+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    }
    /// The server by which mails go out: alerts to targets of style `email`, published reports, and weekly digests. Without
    /// `host` none does.
    "[email]" restart {
        /// The SMTP server.
        host: "text, a host name or address", absent, example "smtp.example.com";
        /// Its port: mostly 587, or 465 with `tls = \"tls\"`.
        port: "integer from 1 to 65535", default(587), example 465;
        /// `starttls`: TLS within the connection, and nothing is sent without it; `tls`: from its first byte on; `none`: only
        /// to a host that [outbound] allow names.
        tls: "text, one of starttls tls none", default("starttls"), example "tls";
        /// Who logs in there.
        username: "text", absent, example "factfold";
        /// The password.
        password: "text, a secret", absent, example "env:FACTFOLD_SMTP_PASSWORD";
        /// Whom receivers see.
        from: "text, an email address, with a name before it or not", absent, example "Factfold <alerts@example.com>";
        /// The hour of Monday, in each tenant's zone, from which the weekly digest is sent.
        digest_hour: "integer from 0 to 23", default(8), example 7;
    }
    /// What /metrics has.
    "[metrics]" restart {
        /// Whether it has each tenant's figures of the current month.
        figures: "true or false", default(false), example true;
    }
    /// When the tenants' sources are asked.
    "[sync]" sighup {
        /// In each tenant's zone, unless [tenant.sync] says otherwise.
        schedule: "text, a cron expression of five fields", default("0 * * * *"), example "30 6 * * *";
    }
    /// Whom the server may call.
    "[outbound]" restart {
        /// Private hosts, and hosts without https, that may be called.
        allow: "array of texts, hosts without scheme and port", default([]), example ["127.0.0.1", "crm.internal"];
    }
};
