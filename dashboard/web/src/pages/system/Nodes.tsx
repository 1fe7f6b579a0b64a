/** The nodes that share the log: their heads and lag, who is on duty, and the engine that orders the log. */
import type { Answer } from "../../api/client";
import { useAddress } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Members } from "../../components/Members";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { count, duration } from "../../format";

type Cluster = Answer<"/api/v1/cluster">;

const HEAD = [["Node"], ["Position", "n"], ["Lag", "n"], ["Root"], ["Heard of", "n"], ["On duty"]] as const;

function Rows({ data }: { data: Cluster }) {
  return (
    <Table title="Nodes" head={HEAD}>
      {data.nodes.map((node) => (
        <tr key={node.name}>
          <th scope="row">
            <bdi>{node.name}</bdi>
            {node.name === data.node && " (this one)"}
          </th>
          <td class="n">{count(node.position)}</td>
          <td class="n">{count(node.lag)}</td>
          <td>
            <code>{node.root.slice(0, 16)}</code>
          </td>
          <td class="n">{node.seen_seconds_ago < 3 ? "now" : `${duration(node.seen_seconds_ago)} ago`}</td>
          <td>{node.on_duty ? "Yes" : ""}</td>
        </tr>
      ))}
    </Table>
  );
}

export function Nodes() {
  const cluster = useAddress<Cluster>("/api/v1/cluster");
  // A node alone has its figures above.
  if (cluster.data?.engine === "embedded") return null;
  return (
    <Section title="Nodes" reading={cluster}>
      {(data) => (
        <>
          <Members
            members={[
              ["Engine", data.engine],
              ["The log is", <Badge key="state" state={data.state} />],
              ["Reason", data.reason ?? null],
              ["Engine's position", data.engine_position == null ? null : count(data.engine_position)],
              ["On duty", data.on_duty ?? null],
            ]}
          />
          <Rows data={data} />
        </>
      )}
    </Section>
  );
}
