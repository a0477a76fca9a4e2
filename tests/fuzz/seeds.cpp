// `seeds FOLDER` writes inputs for the fuzzer to begin with: each wire vector for decode and roundtrip, each session
// script as a program for session and abi.
#define DOCTEST_CONFIG_IMPLEMENT  // names.cpp, which reads the vectors, also prints for it
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "notation.hpp"
#include "options.hpp"
#include "program.hpp"
#include "vectors.hpp"

namespace fs = std::filesystem;
using namespace tarta;
using fuzz::Call;
using fuzz::Step;

namespace {

using Words = std::vector<std::string>;

// What fuzz::Input reads: bytes from the front, numbers from the end, each in as many bytes as its limit needs.
class Program {
 public:
  void below(std::uint32_t value, std::uint32_t limit) {
    int bytes = 0;
    while (bytes < 4 && (limit - 1) >> (8 * bytes) > 0) ++bytes;
    while (bytes > 0) back_.push_back(static_cast<std::uint8_t>(value >> (8 * --bytes)));
  }
  void flag(bool set) { below(set ? 1 : 0, 2); }
  void bytes(Bytes bytes, std::uint32_t most) {
    below(static_cast<std::uint32_t>(bytes.size()), most + 1);
    front_.insert(front_.end(), bytes.begin(), bytes.end());
  }
  void value(std::uint32_t value) {
    flag(value > 255);
    below(value, value > 255 ? fuzz::value_limit : 256);
  }
  void number(std::uint32_t value) {  // of the abi target
    const bool small = value < fuzz::small_limit;
    below(small ? fuzz::small_number : fuzz::any_number, 8);
    below(value, small ? fuzz::small_limit : fuzz::value_limit);
  }
  void step(Step step) { below(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(Step::count)); }
  void call(Call call) { below(static_cast<std::uint32_t>(call), static_cast<std::uint32_t>(Call::count)); }

  std::vector<std::uint8_t> input() const {
    std::vector<std::uint8_t> all = front_;
    all.insert(all.end(), back_.rbegin(), back_.rend());
    return all;
  }

 private:
  std::vector<std::uint8_t> front_, back_;
};

const std::map<std::string, std::uint32_t> number_options{
#define TARTA_NUMBER(name, camel, initial, meaning) {#camel, static_cast<std::uint32_t>(NumberOption::name)},
#define TARTA_BYTES(name, camel, meaning)
#include "option.def"
#undef TARTA_NUMBER
#undef TARTA_BYTES
};
const std::map<std::string, std::uint32_t> bytes_options{
#define TARTA_NUMBER(name, camel, initial, meaning)
#define TARTA_BYTES(name, camel, meaning) {#camel, static_cast<std::uint32_t>(BytesOption::name)},
#include "option.def"
#undef TARTA_NUMBER
#undef TARTA_BYTES
};

std::uint32_t number(const std::string& text) { return static_cast<std::uint32_t>(std::stoul(text, nullptr, 0)); }

std::uint32_t argument(const Words& words, const std::string& name, std::uint32_t otherwise) {
  for (const std::string& word : words) {
    if (word.starts_with(name + "=")) return number(word.substr(name.size() + 1));
  }
  return otherwise;
}

std::uint32_t flags_of(const Words& words) {
  const bool retain = std::find(words.begin(), words.end(), "retain") != words.end();
  return argument(words, "qos", 0) << 1 | (retain ? 1U : 0U);
}

// One conversation of tests/sessions, for both targets at once. Lines that have no counterpart are passed over.
class Conversation {
 public:
  Program session, abi;

  void line(std::string text, bool joined) {
    if (text.starts_with("& ")) text = text.substr(2);
    const Words words = notation::words(text);
    if (text.starts_with("> connect ")) version_ = static_cast<Version>(argument(words, "protocolVersion", 5));
    if (text.starts_with("= message ")) last_serial_ = argument(words, "serial", last_serial_);
    if (text.starts_with("> ") || text.starts_with("= ")) return;
    if (text.starts_with("< ")) {
      receive(text.substr(2), words);
    } else {
      command(words);
    }
    if (joined) return;
    if (handlers_return_) deliver();
    session.step(Step::tick);
    abi.call(Call::tick);
    times();
    abi.call(Call::sent);
  }

 private:
  void times() {
    for (int clock = 0; clock < 2; ++clock) {
      abi.below(0, 16);
      abi.number(now_);
    }
  }

  void put(Bytes bytes) {
    abi.bytes(bytes, fuzz::most_put);
    abi.below(0, 8);
  }

  void receive(const std::string& packet, const Words& words) {
    std::vector<std::uint8_t> bytes;
    if (words[1] == "hex") {
      for (std::size_t i = 2; i < words.size(); ++i) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(words[i], nullptr, 16)));
      }
    } else {
      bytes = notation::encode(packet, version_);
    }
    if (bytes.size() > fuzz::most_bytes) return;
    session.step(Step::raw);
    session.bytes(bytes, fuzz::most_bytes);
    session.step(Step::deliver);
    session.below(0, 256);
    session.flag(false);
    abi.call(Call::receive);
    abi.bytes(bytes, fuzz::most_put);
    abi.below(0, 4);
    abi.below(0, 8);
  }

  void deliver() {
    session.step(Step::deliver_messages);
    session.below(0, 256);
    abi.call(Call::delivered);
    abi.number(last_serial_);
  }

  void command(const Words& words) {
    const std::string& verb = words[0];
    if (verb == "option") return option(words[1], words[2]);
    if (verb == "store") return option("durable", "1");
    if (verb == "open") {
      session.step(Step::open);
      session.below(words.size() > 1 ? number(words[1]) : 0, 16);
      abi.call(Call::transport_opened);
      abi.number(words.size() > 1 ? number(words[1]) : 0);
      times();
    } else if (verb == "drop") {
      session.step(Step::close);
      abi.call(Call::transport_closed);
      times();
    } else if (verb == "at") {
      session.step(Step::advance);
      session.value(number(words[1]) - now_);
      session.below(0, 4);
      now_ = number(words[1]);
    } else if (verb == "publish") {
      publish(words);
    } else if (verb == "filter") {
      filter(words);
    } else if (verb == "subscribe" || verb == "unsubscribe") {
      request(words, verb == "subscribe");
    } else if (verb == "cancel") {
      session.step(Step::cancel);
      session.below(operations_ - operation_of_[number(words[1])], 256);
      abi.call(Call::cancel);
      abi.number(number(words[1]));
    } else if (verb == "disconnect") {
      session.step(Step::disconnect);
      session.flag(words.size() > 1);
      abi.call(Call::disconnect);
      put({});
      abi.number(words.size() > 1 ? number(words[1]) : 0);
    } else if (verb == "authenticate") {
      const Bytes data = words.size() > 2 ? as_bytes(words[2]) : Bytes{};
      session.step(Step::authenticate);
      session.flag(number(words[1]) == 0x19);
      session.bytes(data, fuzz::most_bytes);
      abi.call(Call::authenticate);
      put(data);
      abi.number(number(words[1]));
    } else if (verb == "handlers") {
      handlers_return_ = words[1] == "return";
    } else if (verb == "hold" || verb == "acknowledge") {
      const std::uint32_t serial = number(words[1]);
      session.step(verb == "hold" ? Step::hold : Step::acknowledge);
      session.below(last_serial_ - std::min(serial, last_serial_), 256);
      if (verb == "acknowledge") session.flag(words.size() > 2);
      abi.call(verb == "hold" ? Call::hold : Call::acknowledge);
      abi.number(serial);
      if (verb == "acknowledge") abi.number(words.size() > 2 ? number(words[2]) : 0);
    } else if (verb == "forget") {
      session.step(Step::forget_filter);
      session.below(number(words[1]), fuzz::filters);
      abi.call(Call::forget_filter);
      abi.number(number(words[1]));
    } else if (verb == "stored") {
      session.step(Step::stored);
      session.below(0, 256);
      abi.call(Call::stored);
      abi.number(operations_ + 1);
    } else if (verb == "store-failed") {
      session.step(Step::store_failed);
      session.below(0, 256);
      abi.call(Call::store_failed);
      abi.number(number(words[1]));
    } else if (verb == "probe") {
      session.step(Step::probe);
      abi.call(Call::probe);
    } else if (verb == "restart") {
      session.step(Step::restart);
      session.below(255, 256);
    }
  }

  void option(const std::string& name, const std::string& to) {
    if (const auto at = number_options.find(name); at != number_options.end()) {
      session.step(Step::set_number);
      session.below(at->second, static_cast<std::uint32_t>(NumberOption::count));
      session.value(number(to));
      abi.call(Call::set_number);
      abi.number(at->second);
      abi.number(number(to));
      return;
    }
    session.step(Step::set_bytes);
    session.below(bytes_options.at(name), static_cast<std::uint32_t>(BytesOption::count));
    session.flag(false);
    session.bytes(as_bytes(to), fuzz::most_bytes);
    abi.call(Call::set_bytes);
    put(as_bytes(to));
    abi.number(bytes_options.at(name));
  }

  void publish(const Words& words) {
    const std::string& topic = words[2];
    if (topic.size() > fuzz::most_bytes) return;
    const auto slot = static_cast<std::uint32_t>(topics_.size()) % fuzz::topics;
    if (const auto [at, fresh] = topics_.emplace(topic, slot); fresh) {
      session.step(Step::define_topic);
      session.below(at->second, fuzz::topics);
      session.bytes(as_bytes(topic), fuzz::most_bytes);
      abi.call(Call::define_topic);
      put(as_bytes(topic));
      abi.number(at->second);
    }
    const std::uint32_t flags = flags_of(words), expiry = argument(words, "expiry", 0);
    session.step(Step::publish);
    session.below(topics_[topic], fuzz::topics);
    session.value(7);
    session.below(std::min(flags, 5U), 6);
    session.flag(false);
    session.value(expiry);
    operation_of_[number(words[1])] = ++operations_;
    abi.call(Call::publish);
    put({});
    abi.number(7);
    for (const std::uint32_t value : {number(words[1]), topics_[topic], flags}) abi.number(value);
    abi.number(expiry == 0 ? 0xFFFF'FFFE : expiry);
  }

  void filter(const Words& words) {
    const std::uint32_t to = number(words[1]), options = argument(words, "options", 0);
    if (words[2].size() > fuzz::most_bytes) return;
    session.step(Step::define_filter);
    session.below(to, fuzz::filters);
    session.below(options, 256);
    session.bytes(as_bytes(words[2]), fuzz::most_bytes);
    abi.call(Call::define_filter);
    put(as_bytes(words[2]));
    abi.number(to);
    abi.number(options);
  }

  void request(const Words& words, bool subscribe) {
    const std::size_t count = std::min<std::size_t>(words.size() - 2, 4);
    std::vector<std::uint8_t> list;
    session.step(subscribe ? Step::subscribe : Step::unsubscribe);
    session.below(0, 4);
    session.below(static_cast<std::uint32_t>(count - 1), 4);
    for (std::size_t i = 0; i < count; ++i) {
      session.below(number(words[2 + i]), fuzz::filters);
      list.insert(list.end(), {static_cast<std::uint8_t>(number(words[2 + i])), 0, 0, 0});
    }
    operation_of_[number(words[1])] = ++operations_;
    abi.call(subscribe ? Call::subscribe : Call::unsubscribe);
    put(list);
    abi.number(0);
    abi.number(number(words[1]));
  }

  Version version_ = Version::v5;
  std::uint32_t now_ = 0;
  bool handlers_return_ = true;
  std::uint32_t last_serial_ = 0;
  std::uint32_t operations_ = 0;
  std::map<std::uint32_t, std::uint32_t> operation_of_;
  std::map<std::string, std::uint32_t> topics_;
};

void write(const fs::path& folder, const std::string& name, const std::vector<std::uint8_t>& input) {
  fs::create_directories(folder);
  std::ofstream file{folder / name, std::ios::binary};
  file.write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
}

// The first byte of an input of decode and roundtrip.
std::uint8_t choice_of(Version version, Sender from) {
  unsigned choice = from == Sender::client ? 64 : 0;
  while (choice % 3 != static_cast<unsigned>(version) - 3) ++choice;
  return static_cast<std::uint8_t>(choice);
}

void write_vectors(const fs::path& folder) {
  unsigned count = 0;
  for (const Vector& vector : vectors()) {
    if (vector.bytes.size() > 1'000) continue;
    for (const Version version : vector.versions) {
      std::vector<std::uint8_t> input{choice_of(version, vector.from)};
      input.insert(input.end(), vector.bytes.begin(), vector.bytes.end());
      const std::string name = std::to_string(++count);
      write(folder / "decode", name, input);
      write(folder / "roundtrip", name, input);
    }
  }
}

void write_scripts(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator{TARTA_SESSIONS}) {
    if (entry.path().extension() != ".md" || entry.path().filename() == "README.md") continue;
    std::ifstream file{entry.path()};
    std::vector<Words> conversations;
    std::string text;
    bool in_code = false;
    while (std::getline(file, text)) {
      if (text.starts_with("```")) in_code = !in_code;
      if (text.starts_with("## ")) conversations.emplace_back();
      if (in_code && !text.empty() && text[0] != '#' && text[0] != '`') conversations.back().push_back(text);
    }
    for (std::size_t i = 0; i < conversations.size(); ++i) {
      const Words& lines = conversations[i];
      Conversation conversation;
      for (std::size_t at = 0; at < lines.size(); ++at) {
        conversation.line(lines[at], at + 1 < lines.size() && lines[at + 1].starts_with("& "));
      }
      const std::string name = entry.path().stem().string() + "-" + std::to_string(i + 1);
      write(folder / "session", name, conversation.session.input());
      write(folder / "abi", name, conversation.abi.input());
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "Usage: seeds FOLDER\n";
    return 2;
  }
  const fs::path folder{arguments[1]};
  fs::remove_all(folder);
  write_vectors(folder);
  write_scripts(folder);
  return 0;
}
