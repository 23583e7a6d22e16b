#include "console/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"

namespace bulkhead::console {
namespace {

struct Verb {
  std::string path;  // "lab demo"; "" for the program itself
  std::string about;
  std::vector<std::pair<std::string, std::string>> options;  // "--json", what it does
  std::vector<std::string> below;
};

void gather(const CLI::App& app, const std::string& path, std::vector<Verb>& out) {
  Verb verb{path, app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      verb.options.emplace_back("--" + name, option->get_description());
    }
  }
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* sub : below) verb.below.push_back(sub->get_name());
  out.push_back(std::move(verb));
  for (const CLI::App* sub : below)
    gather(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
}

std::string joined(const Verb& verb) {
  std::string words;
  for (const std::string& name : verb.below) words += name + " ";
  for (const auto& [name, about] : verb.options) words += name + " ";
  if (verb.path == "completion") words += "bash zsh fish ";
  if (!words.empty()) words.pop_back();
  return words;
}

// "_bulkhead_scan"
std::string function_of(std::string program) {
  std::ranges::replace(program, '-', '_');
  return "_" + program;
}

// Words before the cursor that are no options make the verb's path; files complete everywhere else.
std::string bash_script(const std::string& program, const std::vector<Verb>& verbs) {
  const std::string function = function_of(program);
  std::string out = "# bash completion for " + program + "\n" + function +
                    "() {\n"
                    "  local cur=${COMP_WORDS[COMP_CWORD]} path= word words\n"
                    "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                    "    case $word in -*) ;; *) path+=\"${path:+ }$word\" ;; esac\n"
                    "  done\n"
                    "  case $path in\n";
  // Longer paths first: "lab" must not take what "lab demo" knows better.
  for (auto verb = verbs.rbegin(); verb != verbs.rend(); ++verb) {
    const std::string pattern = verbs.size() == 1    ? "*"
                                : verb->path.empty() ? "''"
                                                     : "'" + verb->path + "'*";
    out += "    " + pattern + ") words='" + joined(*verb) + "' ;;\n";
  }
  if (verbs.size() > 1) out += "    *) words= ;;\n";
  out +=
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
      "  [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
      "}\n"
      "complete -F " +
      function + " " + program + "\n";
  return out;
}

std::string single_quoted(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out;
}

std::string zsh_script(const std::string& program, const std::vector<Verb>& verbs) {
  const std::string function = function_of(program);
  std::string out = "#compdef " + program + "\n" + function +
                    "() {\n"
                    "  local path='' word\n"
                    "  for word in ${words[2,CURRENT-1]}; do\n"
                    "    [[ $word == -* ]] || path+=\"${path:+ }$word\"\n"
                    "  done\n"
                    "  case $path in\n";
  for (auto verb = verbs.rbegin(); verb != verbs.rend(); ++verb) {
    const bool plain = verbs.size() == 1;
    out += plain                ? "    (*) compadd -- "
           : verb->path.empty() ? "    '') compadd -- "
                                : "    ('" + verb->path + "'*) compadd -- ";
    out += joined(*verb) + (verb->path.empty() ? " ;;\n" : "; _files ;;\n");
  }
  return out + "  esac\n}\n" + function + " \"$@\"\n";
}

std::string fish_script(const std::string& program, const std::vector<Verb>& verbs) {
  const bool plain = verbs.size() == 1;  // a program without verbs
  const std::string complete = "complete -c " + program;
  std::string out = "# fish completion for " + program + "\n";
  for (const Verb& verb : verbs) {
    const std::size_t space = verb.path.rfind(' ');
    const std::string last = space == std::string::npos ? verb.path : verb.path.substr(space + 1);
    const std::string when = plain               ? "true"
                             : verb.path.empty() ? "__fish_use_subcommand"
                                                 : "__fish_seen_subcommand_from " + last;
    for (const std::string& name : verb.below) {
      out += complete + " -n '" + when + "' -f -a " + name + "\n";
    }
    for (const auto& [name, about] : verb.options) {
      out += complete + " -n '" + when + "' -l " + name.substr(2) + " -d '" + single_quoted(about) +
             "'\n";
    }
  }
  if (plain) return out;
  return out + complete + " -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
}

}  // namespace

Result<std::string> completion_script(const CLI::App& app, std::string_view shell) {
  std::vector<Verb> verbs;
  gather(app, "", verbs);
  const std::string& program = app.get_name();
  if (shell == "bash") return bash_script(program, verbs);
  if (shell == "zsh") return zsh_script(program, verbs);
  if (shell == "fish") return fish_script(program, verbs);
  return fail(ErrorCode::kInvalidInput,
              "no completion for '" + escape_text(shell, 32) + "'; write bash, zsh or fish");
}

}  // namespace bulkhead::console
