// Made by scripts/generate from core/fault.def: a change goes there.

/** What can be wrong with a received packet, by the core's number, with "|" between them; empty where the reason code says it. */
export const FAULTS =
  "|" +
  "packet type reserved|" +
  "flags reserved|" +
  "length not minimal|" +
  "length too long|" +
  "|" +
  "truncated|" +
  "trailing bytes|" +
  "text ill formed|" +
  "text null|" +
  "packet identifier zero|" +
  "property unknown|" +
  "property misplaced|" +
  "property repeated|" +
  "property value|" +
  "|" +
  "|" +
  "topic alias unknown|" +
  "reason code|" +
  "|" +
  "|" +
  "connect flags|" +
  "|" +
  "authentication data alone|" +
  "authentication method missing|" +
  "authentication method changed|" +
  "authentication unexpected|" +
  "connack flags|" +
  "connack session present|" +
  "publish qos|" +
  "publish dup|" +
  "topic name wildcard|" +
  "topic name empty|" +
  "response topic wildcard|" +
  "response topic empty|" +
  "subscription identifier from client|" +
  "filters missing|" +
  "|" +
  "subscription options|" +
  "subscription options reserved|" +
  "shared no local|" +
  "codes missing|" +
  "session expiry from server|" +
  "wrong direction|" +
  "connack expected|" +
  "connack repeated|" +
  "session unexpected|" +
  "acknowledgement kind|" +
  "acknowledgement count|" +
  "|" +
  "qos changed|" +
  "response information|" +
  "problem information";
