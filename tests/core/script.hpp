// A session and the host around it, driven by the lines of a script (tests/sessions/README.md), giving a line for each
// packet that the session sends and each event that it reports.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "session.hpp"

class Script {
 public:
  static constexpr std::size_t whole = SIZE_MAX;

  // What comes from the server is given to the session in pieces of at most so many bytes.
  explicit Script(std::size_t piece = whole);

  // Runs one input line and gives what came of it; throws std::runtime_error for a line that means nothing.
  std::vector<std::string> run(const std::string& line);

  // The same, in the turn (or the WebSocket message) of the next line.
  void queue(const std::string& line);

 private:
  struct Row {  // of the fake store
    tarta::Kept kind;
    std::uint32_t key;
    std::vector<std::uint8_t> bytes;
  };
  using Words = std::vector<std::string>;

  void create();
  void set(const std::string& name, const std::string& value);
  void restore();
  void command(const Words& words);
  void receive(const std::string& line);
  void flush_incoming();
  void take(const std::uint8_t* bytes, std::size_t size);
  void begin(const std::string& line);
  void publish(const Words& words);
  void check(tarta::Error error);
  void walk();
  void event(tarta::Event event, unsigned flags, const std::uint32_t* words, std::uint32_t count);
  void note_version();
  void send();
  void tick();
  void log(const std::string& text) { lines_.push_back(text); }
  tarta::Bytes at(std::uint32_t offset, std::uint32_t length) const;
  std::string properties(const std::uint32_t* place) const;

  std::size_t piece_;
  std::unique_ptr<tarta::Session> session_;
  std::vector<std::pair<std::string, std::string>> options_;
  tarta::Now now_;
  tarta::Version version_ = tarta::Version::v5;
  std::vector<std::string> lines_;
  std::vector<std::uint8_t> incoming_;  // packets that come in one WebSocket message
  std::uint8_t* area_ = nullptr;        // where the last ones were put
  std::map<std::uint32_t, std::string> topics_;
  std::map<std::uint32_t, std::string> matches_;
  std::map<std::string, std::uint32_t> topic_numbers_;
  std::uint32_t last_delivered_ = 0;
  bool deliver_ = true;  // handlers return at once
  bool keep_ = false;    // there is a store
  std::uint32_t last_serial_ = 0;
  std::map<std::uint32_t, Row> rows_;  // by serial
};
