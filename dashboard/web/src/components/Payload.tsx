/** What came in, as it came, for those who may see it. */
import { useRead } from "../api/use_read";

/** An original payload, laid out where it is JSON. */
function laidOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function Payload({ position, heading = "What came in" }: { position: number; heading?: string }) {
  const { data } = useRead("/api/v1/tenants/{tenant}/facts/{position}", { position }, { raw: true });
  const text = data?.original ?? data?.original_base64;
  if (!text) return null;
  return (
    <section aria-label={heading}>
      <header class="section-head">
        <h2>{heading}</h2>
      </header>
      <pre class="raw" tabIndex={0}>
        {laidOut(text)}
      </pre>
    </section>
  );
}
