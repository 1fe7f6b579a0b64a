/** The power dialer: opens the newest active session, on any device, where it was. */
import { useState } from "preact/hooks";
import { useRead } from "../api/use_read";
import { Failure } from "../components/Failure";
import { Head } from "../components/Head";
import { Skeleton } from "../components/Skeleton";
import { isNow } from "../state/moment";
import { me } from "../state/session";
import { SessionView } from "./dialer/SessionView";
import { StartSession } from "./dialer/StartSession";
import { Today } from "./dialer/Today";

export default function Dialer() {
  const agent = me.value?.email ?? null;
  const active = useRead("/api/v1/tenants/{tenant}/sessions/active", {}, { agent: agent ?? "" }, agent === null);
  const [ended, setEnded] = useState<string | null>(null);
  const none = active.error?.status === 404 || (active.data && active.data.session_id === ended);
  return (
    <>
      <Head title="Dialer" />
      {agent === null ? (
        <p class="soft">The dialer is for people: log in with an email and a password.</p>
      ) : !isNow.value ? (
        <p class="soft">Calls are made now. Go back to now to make some.</p>
      ) : (
        <div class="two">
          <div>
            {none ? (
              <StartSession agent={agent} resumable={ended} />
            ) : active.error ? (
              <Failure problem={active.error} retry={active.reload} />
            ) : active.data ? (
              <SessionView session={active.data} agent={agent} end={() => setEnded(active.data?.session_id ?? null)} />
            ) : (
              <Skeleton lines={8} />
            )}
          </div>
          <div>
            <Today agent={agent} />
          </div>
        </div>
      )}
    </>
  );
}
