/** What the server holds: its data directory by part, room on the disk, memory, and how far its log is. */
import type { Answer } from "../../api/client";
import { useAddress } from "../../api/use_read";
import { Members } from "../../components/Members";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { bytes, count } from "../../format";

type System = Answer<"/api/v1/system">;

const PARTS: Record<string, string> = {
  log_segments: "Log segments",
  index_and_deliveries: "Key index and delivery log",
  blobs: "Large payloads",
  raw_pages: "Raw pages of providers",
  keys: "Keys",
  other: "Other files",
};

export function Storage() {
  const reading = useAddress<System>("/api/v1/system");
  return (
    <Section title="Disk and memory" reading={reading}>
      {({ data_dir, disk, memory, log }) => (
        <div class="halves">
          <Members
            members={[
              ["Data directory", bytes(data_dir.bytes)],
              ["Free on its disk", `${bytes(disk.available_bytes)} of ${bytes(disk.total_bytes)}`],
              ["Memory", bytes(memory.resident_bytes)],
              ["Kept past moments", bytes(memory.past_states_bytes)],
              ["Kept restatements", bytes(memory.restatements_bytes)],
              ["Facts in the log", count(log.position)],
              ["Of them sealed", count(log.sealed)],
              ["Log segments", count(log.segments)],
              // A segment takes its room ahead: before one is sealed the figure says nothing.
              ["Log bytes a fact", log.sealed > 0 ? count(log.bytes_per_fact) : null],
            ]}
          />
          <Table title="Data directory" head={[["Part"], ["On disk", "n"], ["Bytes", "n"], ["Files", "n"]]}>
            {data_dir.parts.map((part) => (
              <tr key={part.part}>
                <th scope="row">{PARTS[part.part] ?? part.part}</th>
                <td class="n">{bytes(part.bytes)}</td>
                <td class="n">{count(part.bytes)}</td>
                <td class="n">{count(part.files)}</td>
              </tr>
            ))}
          </Table>
        </div>
      )}
    </Section>
  );
}
