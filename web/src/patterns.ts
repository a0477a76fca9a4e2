/** A name in a pattern and the level of the topic that it stands for. */
interface Name {
  name: string;
  level: number;
  /** `{name...}`: this level and all that follow. */
  rest: boolean;
}

/** A filter as the server gets it, and the names that the application gave to what its wildcards match. */
export interface Pattern {
  filter: string;
  names: readonly Name[];
  /** In a Worker: the number that the page knows it by. */
  number?: number;
}

/** A pattern of which messages must know: undefined for one without names. */
export function namesOf(pattern: Pattern): Pattern | undefined {
  return pattern.names.length > 0 || pattern.number !== undefined ? pattern : undefined;
}

/**
 * Reads a filter in which `{name}` stands for `+` and `{name...}` for `#`.
 *
 * @throws TypeError for a name that stands twice, or `{name...}` before the end
 */
export function parsePattern(text: string, braces: boolean): Pattern {
  const names: Name[] = [];
  if (!braces) return { filter: text, names };
  const levels = text.split("/");
  // The first two levels of $share/group/filter are no part of what is matched (5.0 §4.8.2).
  const shared = levels[0] === "$share" ? 2 : 0;
  const filter = levels.map((level, index) => {
    const [, name, dots] = /^\{([^{}]+?)(\.\.\.)?\}$/.exec(level) ?? [];
    if (name === undefined) return level;
    if (names.some((other) => other.name === name) || (dots && index < levels.length - 1)) {
      throw new TypeError(`"${text}": a name stands once, and {${name}...} last`);
    }
    names.push({ name, level: index - shared, rest: dots !== undefined });
    return dots ? "#" : "+";
  });
  return { filter: filter.join("/"), names };
}

/** What the names of a pattern stand for in a topic that it matches. */
export function readParams(names: readonly Name[], topic: string): Record<string, string> {
  const params = Object.create(null) as Record<string, string>; // a name may be __proto__
  if (names.length === 0) return params;
  const levels = topic.split("/");
  for (const { name, level, rest } of names) {
    params[name] = rest ? levels.slice(level).join("/") : (levels[level] ?? "");
  }
  return params;
}
