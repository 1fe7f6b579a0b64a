/** Notes by date, the newest first: those of the CRM, and people's own. */
import { useState } from "preact/hooks";
import { Problem, type Answer, address, change } from "../api/client";
import { useList } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Failure } from "../components/Failure";
import { TextFilter, filters } from "../components/Filters";
import { Head } from "../components/Head";
import { Skeleton } from "../components/Skeleton";
import { UNKNOWN, instant, words } from "../format";
import { wrote } from "../state/live";
import { isNow } from "../state/moment";
import { may, me, tenant, zone } from "../state/session";

type Note = Answer<"/api/v1/tenants/{tenant}/notes">["items"][number];

const ROUTE = "/api/v1/tenants/{tenant}/notes";

const nameOf = (note: Note) => `${note.origin} ${note.note_id}`;

function Writing() {
  const [content, setContent] = useState("");
  const [contact, setContact] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const write = async () => {
    try {
      const body = { content, author: me.value?.email ?? me.value?.name ?? me.value?.id, ...(contact && { contact }) };
      const answer = (await change(
        "POST",
        address(ROUTE, { tenant: tenant.value ?? "" }),
        body,
        crypto.randomUUID(),
      )) as { position: number };
      setContent("");
      setContact("");
      setProblem(null);
      wrote(answer.position);
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  return (
    <form
      class="form no-print"
      onSubmit={(event) => {
        event.preventDefault();
        void write();
      }}
    >
      <label>
        <span class="unseen">Note</span>
        <textarea
          required
          placeholder="Write a note"
          value={content}
          onInput={(event) => setContent(event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <label>
          <span class="unseen">Contact</span>
          <input placeholder="Contact" value={contact} onInput={(event) => setContact(event.currentTarget.value)} />
        </label>
        <button class="control primary">Add note</button>
      </div>
      {problem && (
        <p class="refused" role="alert">
          {problem.detail || problem.title}
        </p>
      )}
    </form>
  );
}

function Remove({ note, gone }: { note: Note; gone: () => void }) {
  const [sure, setSure] = useState(false);
  const remove = async () => {
    const answer = (await change(
      "DELETE",
      address(`${ROUTE}/{note_id}`, { tenant: tenant.value ?? "", note_id: note.note_id }),
    )) as { position: number };
    gone();
    wrote(answer.position);
  };
  return (
    <button class="link" onClick={() => (sure ? void remove() : setSure(true))} onBlur={() => setSure(false)}>
      {sure ? "Really remove" : "Remove"}
    </button>
  );
}

export default function Notes() {
  const list = useList<Note>(ROUTE, {}, { limit: 50, ...filters("search") }, nameOf);
  const searched = filters("search").search;
  // One's own note is shown at once; others' wait behind the pill.
  const own = list.fresh > 0 && list.data?.items[0]?.author === me.value?.email;
  if (own) queueMicrotask(list.showFresh);
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
          {list.fresh > 0 && !own && (
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
                  {note.author === me.value?.email && may("agent") && isNow.value && (
                    <Remove note={note} gone={() => list.drop(nameOf(note))} />
                  )}
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
