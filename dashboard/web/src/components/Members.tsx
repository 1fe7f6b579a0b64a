/** Names and values, as people read them; what is unknown is left out. */
import type { ComponentChildren } from "preact";
import { UNKNOWN } from "../format";

export function Members({ members }: { members: [string, ComponentChildren][] }) {
  const known = members.filter(
    ([, value]) => value !== null && value !== undefined && value !== "" && value !== UNKNOWN,
  );
  return (
    <dl class="members">
      {known.map(([name, value]) => (
        <>
          <dt key={`${name} name`}>{name}</dt>
          <dd key={name}>
            <bdi>{value}</bdi>
          </dd>
        </>
      ))}
    </dl>
  );
}
