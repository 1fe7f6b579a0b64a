/** The live state of a call that was asked for. */
import { useEffect } from "preact/hooks";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { duration } from "../../format";

export function CallState({ request, known }: { request: string; known: (call: string) => void }) {
  const asked = useRead("/api/v1/tenants/{tenant}/calls/requests/{request_id}", { request_id: request });
  const id = asked.data?.call_id ?? null;
  const call = useRead("/api/v1/tenants/{tenant}/calls/{call_id}", { call_id: id ?? "" }, {}, id === null);
  useEffect(() => {
    if (id !== null) known(id);
  }, [id]);
  return (
    <p class="target-head" role="status">
      <span>Call</span>
      <Badge state={call.data?.call_status ?? asked.data?.state ?? "requested"} />
      {call.data?.duration_seconds !== null && call.data?.duration_seconds !== undefined && (
        <span>{duration(call.data.duration_seconds)}</span>
      )}
      {asked.data?.recording && <span class="soft">recorded</span>}
      {asked.data?.error && <span class="refused">{asked.data.error}</span>}
    </p>
  );
}
