/** The workspace's configuration as the log has it: the last `tenant_configured`, and those before. */
import type { Answer } from "./client";
import { type Reading, useRead } from "./use_read";

export interface Rules {
  qualified_min_seconds?: number;
  job_value_minor?: number;
  stale_after_seconds?: number;
  session_timeout_seconds?: number;
  reservation_seconds?: number;
  reply_rate_drop_percent?: number;
  counted_contact_types?: string[];
  counted_directions?: ("inbound" | "outbound" | "unknown")[];
  qualified_stages?: string[];
  hot_stages?: string[];
  daily_call_goal?: number;
  stages?: { name: string; likelihood_percent?: number }[];
}

/** The body of `tenant_configured`. */
export interface Configuration {
  name: string;
  timezone: string;
  currency?: string;
  recording?: boolean;
  effective_from?: string;
  rules?: Rules;
  tracking_numbers?: { number: string; agent?: string }[];
  workspaces?: string[];
}

type Fact = Answer<"/api/v1/tenants/{tenant}/facts">["items"][number];

export interface Configured {
  fact: Fact;
  body: Configuration;
}

/** Configurations, the newest first. */
export function useConfigurations(limit = 50): Reading<Configured[]> {
  const reading = useRead("/api/v1/tenants/{tenant}/facts", {}, { kind: "tenant_configured", limit });
  const data = reading.data?.items.map((fact) => ({ fact, body: fact.body as unknown as Configuration })) ?? null;
  return { ...reading, data };
}

/** The configuration that holds; null while it is read. */
export function useConfiguration(): Configured | null {
  return useConfigurations(1).data?.[0] ?? null;
}
