/** One call: what is known of it, its recordings, its dispositions, and its facts as a timeline. */
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Dialog } from "../../components/Dialog";
import { Failure } from "../../components/Failure";
import { Skeleton } from "../../components/Skeleton";
import { Timeline } from "../../components/Timeline";
import { Members } from "../../components/Members";
import { duration, instant, words } from "../../format";
import { back, withQuery } from "../../state/router";
import { zone } from "../../state/session";

/** An address that a player may load: nothing that runs. */
function playable(url: string | null | undefined): string | null {
  return url && /^https?:\/\//i.test(url) ? url : null;
}

export function CallView({ id }: { id: string }) {
  const call = useRead("/api/v1/tenants/{tenant}/calls/{call_id}", { call_id: id });
  const history = useRead("/api/v1/tenants/{tenant}/calls/{call_id}/dispositions", { call_id: id });
  const data = call.data;
  const close = () => back(withQuery({ call: null }));
  return (
    <Dialog side name={`Call ${id}`} close={close}>
      {call.error && !data ? (
        <Failure problem={call.error} retry={call.reload} />
      ) : !data ? (
        <Skeleton lines={10} />
      ) : (
        <>
          <p>
            <Badge state={data.status} /> {words(data.reason)}
            {!data.counted && data.reason !== "direction_not_counted" && ", not counted"}
          </p>
          <Members
            members={[
              ["Started", instant(data.started_at, zone.value)],
              ["Answered", data.answered ? instant(data.answered_at, zone.value) : "No"],
              ["Length", duration(data.duration_seconds)],
              ["Direction", words(data.direction)],
              ["From", data.from],
              ["To", data.to],
              ["Agent", data.agent],
              ["Lead", data.lead_id],
              ["Session", data.session_id],
              ["Outcome", words(data.outcome)],
              ["Source", data.source],
              ["Campaign", data.campaign],
            ]}
          />
          {data.recordings.length > 0 && (
            <section aria-label="Recordings">
              <h3>Recordings</h3>
              {data.recordings.map((recording) => {
                const url = playable(recording.url);
                return (
                  <div key={recording.recording_id}>
                    {url ? (
                      <audio controls preload="none" src={url}>
                        <a href={url} rel="noreferrer noopener" target="_blank">
                          Recording
                        </a>
                      </audio>
                    ) : (
                      <code>{recording.recording_id}</code>
                    )}{" "}
                    <span class="soft">{duration(recording.duration_seconds)}</span>
                  </div>
                );
              })}
            </section>
          )}
          {(history.data?.items.length ?? 0) > 0 && (
            <section aria-label="Dispositions">
              <h3>Dispositions</h3>
              <ul class="notes">
                {history.data?.items.map((item) => (
                  <li key={item.position}>
                    <div class="note-head">
                      <strong>{words(item.outcome)}</strong>
                      <bdi>{item.agent}</bdi>
                      <time>{instant(item.occurred_at, zone.value)}</time>
                    </div>
                    {item.note && (
                      <p>
                        <bdi>{item.note}</bdi>
                      </p>
                    )}
                  </li>
                ))}
              </ul>
            </section>
          )}
          <Timeline subject={`call/${id}`} heading={<h3>Facts</h3>} />
        </>
      )}
    </Dialog>
  );
}
