// Runs each conversation of tests/sessions and compares what comes out with what the script says, line by line.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "script.hpp"

namespace {

namespace fs = std::filesystem;

struct Line {
  std::string text;
  int number;
};

bool is_output(const std::string& line) { return line.starts_with("> ") || line.starts_with("= "); }

// A script is a row of conversations, each under a heading of its own.
struct Conversation {
  std::string name;
  std::vector<Line> lines;
};

std::vector<Conversation> read(const fs::path& path) {
  std::ifstream file{path};
  std::vector<Conversation> conversations;
  std::string text;
  bool in_code = false;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.starts_with("```")) {
      in_code = !in_code;
    } else if (!in_code && text.starts_with("## ")) {
      conversations.push_back({text.substr(3), {}});
    } else if (in_code && !text.empty() && text[0] != '#') {
      if (conversations.empty()) throw std::runtime_error("a conversation needs a heading (##)");
      conversations.back().lines.push_back({text, number});
    }
  }
  return conversations;
}

void check(const Conversation& conversation, std::size_t piece) {
  Script script{piece};
  std::vector<std::string> actual;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < conversation.lines.size(); ++i) {
    const Line& line = conversation.lines[i];
    INFO("line " << line.number << ": " << line.text);
    if (is_output(line.text)) {
      const std::string found = taken < actual.size() ? actual[taken] : "(nothing)";
      ++taken;
      CHECK(found == line.text);
      continue;
    }
    for (; taken < actual.size(); ++taken) FAIL_CHECK("not expected before this line: " << actual[taken]);
    actual.clear();
    taken = 0;
    const bool joined = i + 1 < conversation.lines.size() && conversation.lines[i + 1].text.starts_with("& ");
    const std::string input = line.text.starts_with("& ") ? line.text.substr(2) : line.text;
    if (joined) {
      script.queue(input);
    } else {
      actual = script.run(input);
    }
  }
  for (; taken < actual.size(); ++taken) FAIL_CHECK("not expected at the end: " << actual[taken]);
}

}  // namespace

// As written, and with each byte of the server in a WebSocket message of its own: the same comes of it.
// Statements: 5.0 MQTT-6.0.0-2; 3.1.1 MQTT-6.0.0-2; scenarios 41; classes 4
TEST_CASE("session scripts") {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator{TARTA_SESSIONS}) {
    if (entry.path().extension() == ".md" && entry.path().filename() != "README.md") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  REQUIRE(!paths.empty());
  for (const fs::path& path : paths) {
    for (const Conversation& conversation : read(path)) {
      INFO(path.filename().string() << ", " << conversation.name);
      CHECK(!conversation.lines.empty());
      CHECK_NOTHROW(check(conversation, Script::whole));
      CHECK_NOTHROW(check(conversation, 1));
    }
  }
}
