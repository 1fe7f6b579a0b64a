/** Roles, by what they may do. */
export const ROLES = ["viewer", "agent", "auditor", "operator", "admin"] as const;
