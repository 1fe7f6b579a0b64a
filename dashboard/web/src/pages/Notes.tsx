/** Notes by date, the newest first: those of the CRM, and people's own. */
import { useState } from "preact/hooks";
import { ask } from "../api/ask";
import type { Answer } from "../api/client";
import { useCommand } from "../api/use_command";
import { useList } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Failure } from "../components/Failure";
import { TextFilter, filters } from "../components/Filters";
import { Field } from "../components/Field";
import { Form } from "../components/Form";
import { Head } from "../components/Head";
import { Refused } from "../components/Refused";
import { Skeleton } from "../components/Skeleton";
import { UNKNOWN, instant, words } from "../format";
import { isNow } from "../state/moment";
import { may, me, zone } from "../state/session";

type Note = Answer<"/api/v1/tenants/{tenant}/notes">["items"][number];

const ROUTE = "/api/v1/tenants/{tenant}/notes";

const nameOf = (note: Note) => `${note.origin} ${note.note_id}`;

function Writing() {
  const [content, setContent] = useState("");
  const [contact, setContact] = useState("");
  const command = useCommand();
  const write = async () => {
    const author = me.value?.email ?? me.value?.name ?? me.value?.id;
    const body = { content, ...(author && { author }), ...(contact && { contact }) };
    if (!(await command.run(() => ask("post", ROUTE, { body, key: crypto.randomUUID() })))) return;
    setContent("");
    setContact("");
  };
  return (
    <Form class="form no-print" command={command} submit={() => void write()} action="Add note">
      <Field
        label="Note"
        rows={3}
        required
        placeholder="What should the others know?"
        value={content}
        set={setContent}
      />
      <Field label="Contact" value={contact} set={setContact} placeholder="Whom it is about, if anybody" />
    </Form>
  );
}

/** A note of one's own: what is removed stays in the log, so it is asked for only once more. */
function Remove({ note }: { note: Note }) {
  const [sure, setSure] = useState(false);
  const command = useCommand();
  const remove = () => command.run(() => ask("delete", `${ROUTE}/{note_id}`, { filling: { note_id: note.note_id } }));
  return (
    <>
      <button
        class="link"
        disabled={command.busy}
        onClick={() => (sure ? void remove() : setSure(true))}
        onBlur={() => setSure(false)}
      >
        {sure ? "Really remove" : "Remove"}
      </button>
      <Refused problem={command.problem} />
    </>
  );
}

export default function Notes() {
  const list = useList<Note>(ROUTE, {}, { limit: 50, ...filters("search") }, nameOf);
  const searched = filters("search").search;
  return (
    <>
      <Head title="Notes" />
      <div class="filters no-print">
        <TextFilter name="search" label="Search in content and author" />
      </div>
      {may("agent") && isNow.value && <Writing />}
      {list.error && list.items.length === 0 ? (
        <Failure problem={list.error} retry={list.reload} />
      ) : list.loading && list.items.length === 0 ? (
        <Skeleton lines={12} />
      ) : list.items.length === 0 ? (
        <Empty title={searched ? `No note has “${searched}”` : "No notes yet"}>
          {searched
            ? "The search looks at content and author, whatever the case of letters."
            : "Notes of the CRM will stand here after a sync, and those written above."}
        </Empty>
      ) : (
        <>
          {list.fresh > 0 && (
            <button class="pill" onClick={list.showFresh}>
              {list.fresh} new
            </button>
          )}
          <ul class={`notes ${list.loading ? "stale" : ""}`} aria-label="Notes">
            {list.items.map((note) => (
              <li key={nameOf(note)} data-row tabIndex={0}>
                <div class="note-head">
                  <time>{instant(note.date, zone.value)}</time>
                  <bdi>{note.author ?? UNKNOWN}</bdi>
                  {note.contact && <bdi>on {note.contact}</bdi>}
                  <span>{words(note.origin)}</span>
                  <span class="grow" />
                  {note.author === me.value?.email && may("agent") && isNow.value && <Remove note={note} />}
                </div>
                <p>
                  <bdi>{note.content}</bdi>
                </p>
              </li>
            ))}
          </ul>
          <div class="list-foot">
            {list.more && (
              <button class="control" disabled={list.loadingMore} onClick={list.more}>
                Load more
              </button>
            )}
            <span>{list.items.length.toLocaleString()} shown</span>
          </div>
        </>
      )}
    </>
  );
}
