/** The answers of `explain`, by the API's own document. */
import type { Answer } from "./client";

/** A figure explained: its value, the rule or formula, and the facts behind it. */
export type Explanation = Answer<"/api/v1/tenants/{tenant}/explain">;
/** A fact and what it does to the figure; of what does not count its last fact, and why. */
export type Contribution = Explanation["contributions"][number];
export type Formula = NonNullable<Explanation["formula"]>;
/** What a fact does to every figure. */
export type FactVerdict = Answer<"/api/v1/tenants/{tenant}/explain/fact/{position}">;
