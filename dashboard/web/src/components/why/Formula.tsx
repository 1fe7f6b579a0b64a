/** A derived figure: its formula, and its inputs, each with its own Why. */
import type { Formula as FormulaOf } from "../../api/explain";
import { currencyIn, figureOf, shown } from "../../figures";
import { FigureLink } from "../FigureLink";

export function Formula({ formula, currency }: { formula: FormulaOf; currency: string | null }) {
  return (
    <section aria-label="Formula">
      <p class="formula">
        <code>{formula.text}</code>
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Input</th>
            <th scope="col" class="n">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {formula.inputs.map((input) => {
            const { label, unit } = figureOf(input.figure);
            const value = shown(unit, input.value, currencyIn(input.figure.field) ?? currency);
            return (
              <tr key={`${input.figure.model} ${input.figure.field}`}>
                <th scope="row">{label}</th>
                <td class="n">
                  <FigureLink figure={input.figure}>{value}</FigureLink>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
