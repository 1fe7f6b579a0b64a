/** A number in a table that opens why it is so. */
import type { ComponentChildren } from "preact";
import { type FigureName, explainAddress } from "../why";

export function FigureLink({ figure, children }: { figure: FigureName; children: ComponentChildren }) {
  return (
    <a class="figure" data-why href={explainAddress(figure)}>
      {children}
    </a>
  );
}
