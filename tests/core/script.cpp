#include "script.hpp"

#include <algorithm>
#include <stdexcept>

#include "bytes.hpp"
#include "notation.hpp"

using namespace tarta;
using notation::hex;

namespace {

constexpr const char* error_names[] = {
#define TARTA_ERROR(name, NAME, meaning) #NAME,
#define TARTA_HOST_ERROR(name, NAME, meaning) #NAME,
#include "error.def"
#undef TARTA_ERROR
#undef TARTA_HOST_ERROR
};
constexpr const char* fault_names[] = {
#define TARTA_FAULT(name, reason, text, section) #name,
#include "fault.def"
#undef TARTA_FAULT
};
constexpr const char* kept_names[] = {"", "message", "released", "inbound", "subscription", "client"};

const std::map<Event, std::string> event_names{
#define TARTA_EVENT(number, name, words, meaning) {Event::name, #name},
#include "event.def"
#undef TARTA_EVENT
};
const std::map<std::string, NumberOption> number_options{
#define TARTA_NUMBER(name, camel, initial, meaning) {#camel, NumberOption::name},
#define TARTA_BYTES(name, camel, meaning)
#include "option.def"
#undef TARTA_NUMBER
#undef TARTA_BYTES
};
const std::map<std::string, BytesOption> bytes_options{
#define TARTA_NUMBER(name, camel, initial, meaning)
#define TARTA_BYTES(name, camel, meaning) {#camel, BytesOption::name},
#include "option.def"
#undef TARTA_NUMBER
#undef TARTA_BYTES
};

std::uint32_t number(const std::string& text) { return static_cast<std::uint32_t>(std::stoul(text, nullptr, 0)); }

// `name=` among the words, or a default.
std::string argument(const std::vector<std::string>& words, const std::string& name, const std::string& otherwise) {
  for (const std::string& word : words) {
    if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
  }
  return otherwise;
}
bool flag(const std::vector<std::string>& words, const std::string& name) {
  return std::find(words.begin(), words.end(), name) != words.end();
}

}  // namespace

Script::Script(std::size_t piece) : piece_(piece) { create(); }

void Script::set(const std::string& name, const std::string& value) {
  constexpr std::string_view as_hex = "hex:";
  tarta::Options& options = session_->options();
  if (const auto at = number_options.find(name); at != number_options.end()) {
    check(options.set(at->second, number(value)));
  } else if (value.starts_with(as_hex)) {
    check(options.set(bytes_options.at(name), tarta::from_hex(value.substr(as_hex.size()))));
  } else {
    check(options.set(bytes_options.at(name), as_bytes(value)));
  }
}

void Script::create() {
  session_ = std::make_unique<Session>(1);
  const std::string id = "me";
  session_->options().set(BytesOption::client_id, as_bytes(id));
  for (const auto& [name, value] : options_) set(name, value);
  topics_.clear();
  matches_.clear();
  topic_numbers_.clear();
  last_delivered_ = 0;
}

std::vector<std::string> Script::run(const std::string& line) {
  queue(line);
  flush_incoming();
  tick();
  return std::exchange(lines_, {});
}

void Script::queue(const std::string& line) {
  if (line.starts_with("< ")) return receive(line.substr(2));
  flush_incoming();
  if (line.starts_with("begin ")) return begin(line.substr(6));
  command(notation::words(line));
}

void Script::receive(const std::string& line) {
  std::vector<std::uint8_t> bytes;
  if (line.starts_with("hex ")) {
    for (const std::string& word : notation::words(line.substr(4))) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
    }
  } else {
    bytes = notation::encode(line, version_);
  }
  incoming_.insert(incoming_.end(), bytes.begin(), bytes.end());
}

void Script::flush_incoming() {
  for (std::size_t at = 0; at < incoming_.size();) {
    const std::size_t size = std::min(piece_, incoming_.size() - at);
    take(incoming_.data() + at, size);
    at += size;
  }
  incoming_.clear();
}

void Script::take(const std::uint8_t* bytes, std::size_t length) {
  const auto size = static_cast<std::uint32_t>(length);
  area_ = session_->receive_area(size);
  std::copy(bytes, bytes + length, area_);
  session_->receive(size, size);
  for (walk(); session_->has_more(); walk()) session_->more();
  if (deliver_ && session_->skip() == 0) session_->delivered(last_delivered_);
}

// A PUBLISH whose payload is to be longer than what comes of it in this message.
void Script::begin(const std::string& line) {
  std::string head = "publish";
  std::uint32_t size = 0;
  for (const std::string& word : notation::words(line)) {
    if (word.starts_with("size=")) {
      size = number(word.substr(5));
    } else {
      head += " " + word;
    }
  }
  std::vector<std::uint8_t> packet = notation::encode(head + " payload=" + std::string(size, '.'), version_);
  packet.resize(packet.size() - size + 10);
  take(packet.data(), packet.size());
}

void Script::check(Error error) {
  if (error != Error::none) log(std::string{"= error "} + error_names[static_cast<std::size_t>(error)]);
}

void Script::command(const Words& words) {
  const std::string& verb = words.at(0);
  const auto word = [&](std::size_t i) { return words.at(i); };
  const auto numbers = [&](std::size_t from) {
    std::vector<std::uint32_t> list;
    for (std::size_t i = from; i < words.size(); ++i) list.push_back(number(words[i]));
    return list;
  };
  if (verb == "option") {
    options_.emplace_back(word(1), word(2));
    create();
  } else if (verb == "set") {
    set(word(1), word(2));
  } else if (verb == "store") {
    keep_ = true;
    options_.emplace_back("durable", "1");
    create();
  } else if (verb == "open") {
    if (const Error error = session_->transport_opened(words.size() > 1 ? number(word(1)) : 0, now_);
        error != Error::none) {
      return check(error);
    }
    walk();
    note_version();
  } else if (verb == "drop") {
    session_->transport_closed(now_);
    walk();
  } else if (verb == "rest") {
    session_->skipped(session_->skip());
    session_->delivered(last_delivered_);
  } else if (verb == "at") {
    now_.wall += std::stod(word(1)) - now_.monotonic;
    now_.monotonic = std::stod(word(1));
  } else if (verb == "sleep") {
    now_.wall += std::stod(word(1));
  } else if (verb == "deadline") {
    log("= " +
        (session_->deadline() < 1e300 ? std::to_string(static_cast<std::int64_t>(session_->deadline())) : "none"));
  } else if (verb == "publish") {
    publish(words);
  } else if (verb == "filter") {
    check(session_->define_filter(number(word(1)), word(2),
                                  static_cast<std::uint8_t>(number(argument(words, "options", "0")))));
  } else if (verb == "forget") {
    session_->forget_filter(number(word(1)));
  } else if (verb == "subscribe") {
    check(session_->subscribe(number(word(1)), numbers(2), {}));
  } else if (verb == "unsubscribe") {
    check(session_->unsubscribe(number(word(1)), numbers(2), {}));
  } else if (verb == "cancel") {
    check(session_->cancel(number(word(1))));
  } else if (verb == "authenticate") {
    check(session_->authenticate(static_cast<std::uint8_t>(number(word(1))),
                                 words.size() > 2 ? as_bytes(words[2]) : Bytes{}));
  } else if (verb == "disconnect") {
    check(session_->disconnect(static_cast<std::uint8_t>(words.size() > 1 ? number(word(1)) : 0), {}));
  } else if (verb == "probe") {
    session_->probe();
  } else if (verb == "handlers") {
    deliver_ = word(1) == "return";
    if (deliver_) session_->delivered(last_delivered_);
  } else if (verb == "hold") {
    session_->hold(number(word(1)));
  } else if (verb == "acknowledge") {
    check(session_->acknowledge(number(word(1)), static_cast<std::uint8_t>(words.size() > 2 ? number(word(2)) : 0)));
  } else if (verb == "stored") {
    session_->stored(words.size() > 1 ? number(word(1)) : last_serial_);
    walk();
  } else if (verb == "store-failed") {
    session_->store_failed(number(word(1)));
    walk();
  } else if (verb == "restart") {
    create();
    restore();
  } else {
    throw std::runtime_error("no command is called " + verb);
  }
}

// As a host does after a restart: what was kept, in the order of its serials. Operations count from 100.
void Script::restore() {
  std::uint32_t operation = 100;
  for (const auto& [serial, row] : rows_) check(session_->restore(row.kind, row.key, row.bytes, operation++));
}

void Script::publish(const Words& words) {
  const std::string topic = words.at(2);
  if (!topic_numbers_.contains(topic)) {
    const auto slot = static_cast<std::uint32_t>(topic_numbers_.size());
    if (const Error error = session_->define_topic(slot, topic); error != Error::none) return check(error);
    topic_numbers_[topic] = slot;
  }
  const std::string payload = argument(words, "payload", "");
  const std::string expiry = argument(words, "expiry", "");
  const auto flags =
      static_cast<std::uint8_t>(number(argument(words, "qos", "0")) << 1 | (flag(words, "retain") ? 1U : 0U));
  Error error = Error::none;
  std::uint8_t* const to =
      session_->publish(number(words.at(1)), topic_numbers_[topic], flags, static_cast<std::uint32_t>(payload.size()),
                        {}, expiry.empty() ? no_expiry : number(expiry), error);
  if (to != nullptr) std::copy(payload.begin(), payload.end(), to);
  check(error);
}

void Script::tick() {
  session_->tick(now_);
  walk();
  send();
}

// CONNECT tells the version that the connection speaks.
void Script::note_version() {
  const Bytes output = session_->output();
  if (output.empty() || output[0] != 0x10) return;
  version_ = static_cast<Version>(output[8] >= 3 && output[8] <= 5 ? output[8] : 3);
}

void Script::send() {
  note_version();
  for (Bytes left = session_->output(); !left.empty();) {
    FixedHeader header;
    const Fault fault = decode_header(left, version_, Sender::client, 5 + variable_maximum, header);
    if (fault != Fault::none || header.header_size == 0 || header.size() > left.size()) {
      log("> (no packet)");
      break;
    }
    log("> " + notation::describe(left.first(header.size()), version_, Sender::client));
    left = left.subspan(header.size());
  }
  session_->sent();
}

void Script::walk() {
  const Buffer<std::uint32_t>& records = session_->records();
  for (std::uint32_t i = 0; i < records.size();) {
    const std::uint32_t head = records[i];
    const bool wide = head >> 16 == 0;
    const std::uint32_t skip = wide ? 2 : 1;
    const std::uint32_t count = wide ? records[i + 1] : head >> 16;
    event(static_cast<Event>(head & 0xFFU), head >> 8 & 0xFFU, records.data() + i + skip, count - skip);
    i += count;
  }
}

Bytes Script::at(std::uint32_t offset, std::uint32_t length) const {
  return {area_ + static_cast<std::int32_t>(offset), length};
}

std::string Script::properties(const std::uint32_t* place) const {
  return place[1] == 0 ? "" : notation::describe_properties(at(place[0], place[1]));
}

void Script::event(Event event, unsigned flags, const std::uint32_t* w, std::uint32_t count) {
  const auto error = [](std::uint32_t number) { return std::string{error_names[number]}; };
  switch (event) {
    case Event::message: {
      const bool identified = (flags & 16U) != 0;
      std::string text = "= message topic=" + topics_[w[0]];
      if ((flags & 6U) != 0) text += " qos=" + std::to_string(flags >> 1U & 3U);
      if ((flags & 8U) != 0) text += " dup";
      if ((flags & 1U) != 0) text += " retain";
      if (identified) text += " serial=" + std::to_string(w[4]);
      if ((flags & 32U) != 0) text += properties(w + (identified ? 5 : 3));
      if ((flags & 64U) != 0) {
        text += " size=" + std::to_string(w[2]) + " goes-on";
      } else if (w[2] > 0) {
        text += " payload=" + notation::quote(at(w[1], w[2]));
      }
      log(text + matches_[w[0]] + ((flags & 128U) != 0 ? " by-identifier" : ""));
      if (identified) last_delivered_ = w[4];
      break;
    }
    case Event::topic:
      topics_[w[0]] = std::string{as_text(at(w[1], w[2]))};
      matches_[w[0]] = "";
      break;
    case Event::match:
      matches_[w[0]] = count > 1 ? " filters=" : "";
      for (std::uint32_t i = 1; i < count; ++i) matches_[w[0]] += (i > 1 ? "," : "") + std::to_string(w[i]);
      break;
    case Event::done:
    case Event::received:
      log((event == Event::done ? "= done " : "= received ") + std::to_string(w[0]) +
          (w[1] != 0 ? " reasonCode=" + hex(w[1]) : "") + properties(w + 2));
      break;
    case Event::failed:
      log("= failed " + std::to_string(w[0]) + " " + error(w[1]));
      break;
    case Event::suback:
    case Event::unsuback: {
      std::string text = (event == Event::suback ? "= suback " : "= unsuback ") + std::to_string(w[0]);
      for (std::uint32_t i = 3; i < count; ++i) text += " " + hex(w[i]);
      log(text + properties(w + 1));
      break;
    }
    case Event::connack:
      log("= connected version=" + std::to_string(w[0]) + ((flags & 1U) != 0 ? " sessionPresent" : "") +
          properties(w + 2));
      break;
    case Event::auth:
      log("= auth reasonCode=" + hex(w[0]) + properties(w + 1));
      break;
    case Event::closed: {
      std::string text = "= closed " + error(w[0]);
      if (w[1] != 0) text += " reasonCode=" + hex(w[1]);
      if (w[2] != 0) text += std::string{" fault="} + fault_names[w[2]];
      if ((flags & 1U) != 0) text += " final";
      if ((flags & 2U) != 0) text += " again";
      if ((flags & 4U) != 0) text += " by-us";
      log(text + properties(w + 3));
      break;
    }
    case Event::session_lost:
      log("= session-lost inDoubt=" + std::to_string(w[0]));
      break;
    case Event::refused:
      log("= refused filter=" + std::to_string(w[0]) + " reasonCode=" + hex(w[1]));
      break;
    case Event::persist: {
      const auto kind = static_cast<Kept>(w[1]);
      const Bytes bytes = session_->blobs().subspan(w[3], w[4]);
      std::erase_if(rows_, [&](const auto& row) { return row.second.kind == kind && row.second.key == w[2]; });
      rows_[w[0]] = {kind, w[2], {bytes.begin(), bytes.end()}};
      last_serial_ = w[0];
      log(std::string{"= persist "} + kept_names[w[1]] + " " + std::to_string(w[2]));
      break;
    }
    case Event::forget:
      last_serial_ = w[0];
      std::erase_if(
          rows_, [&](const auto& row) { return row.second.kind == static_cast<Kept>(w[1]) && row.second.key == w[2]; });
      log(std::string{"= forget "} + kept_names[w[1]] + " " + std::to_string(w[2]));
      break;
    case Event::wipe:
      rows_.clear();
      log("= wipe");
      break;
    default: {
      // An event that says no more than its words.
      std::string text = "= " + event_names.at(event);
      for (std::uint32_t i = 0; i < count; ++i) text += " " + std::to_string(w[i]);
      log(text);
    }
  }
}
