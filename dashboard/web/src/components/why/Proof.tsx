/** The proof of the figure as a file, to be checked offline. */
import { address } from "../../api/client";
import { tenant } from "../../state/session";

export function Proof({ query, position }: { query: Record<string, string>; position: number }) {
  const href = address("/api/v1/tenants/{tenant}/proof", { tenant: tenant.value ?? "" }, query);
  return (
    <footer class="seal">
      <span class="soft">At position {position.toLocaleString()}. Check it offline: factfold verify FILE</span>
      <a class="control" href={href} download={`proof-${query.model}-${query.field}.json`}>
        Download proof
      </a>
    </footer>
  );
}
